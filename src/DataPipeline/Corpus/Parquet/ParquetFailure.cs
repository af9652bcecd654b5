using ParquetSharp;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>Errors for files that cannot be read: the libraries throw exceptions of any type on damaged input.</summary>
internal static class ParquetFailure
{
    /// <summary>True if an exception reports a problem of the file.</summary>
    public static bool Is(Exception exception) => exception is not (CorpusException or OperationCanceledException or DllNotFoundException);

    /// <summary>An error that names the file.</summary>
    /// <param name="exception">The reader's exception.</param>
    /// <param name="place">The file, and the location in it.</param>
    public static CorpusException At(string place, Exception exception)
    {
        var reason = Reason(exception);
        return reason.Contains("crypt", StringComparison.OrdinalIgnoreCase)
            ? new CorpusException($"{place}: it is encrypted, which is not supported; rewrite it without encryption ({reason})", exception)
            : new CorpusException(
                $"{place}: it cannot be read as Parquet; copy or download the file again, or exclude it ({reason})",
                exception
            );
    }

    /// <summary>The library's message without its C++ exception type.</summary>
    public static string Reason(Exception exception)
    {
        const string before = "(message: '";
        var message = exception.Message.ReplaceLineEndings(" ");
        var start = message.IndexOf(before, StringComparison.Ordinal);
        return exception is ParquetException && start >= 0 ? message[(start + before.Length)..].TrimEnd(')', '\'') : message;
    }
}
