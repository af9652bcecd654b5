using ParquetSharp;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>Tells what is wrong with a file that cannot be read: damage shows as exceptions of any kind.</summary>
internal static class ParquetFailure
{
    /// <summary>Whether an exception says something of the file.</summary>
    public static bool Is(Exception exception) => exception is not (CorpusException or OperationCanceledException or DllNotFoundException);

    /// <summary>One error that names the file.</summary>
    /// <param name="exception">What the reader threw.</param>
    /// <param name="place">The file, and where in it.</param>
    public static CorpusException At(string place, Exception exception)
    {
        var reason = Reason(exception);
        return reason.Contains("crypt", StringComparison.OrdinalIgnoreCase)
            ? new CorpusException($"{place}: it is encrypted, which cannot be read here; write it without encryption ({reason})", exception)
            : new CorpusException(
                $"{place}: it cannot be read as Parquet; copy or download the file again, or leave it out ({reason})",
                exception
            );
    }

    /// <summary>The library's message without the C++ type that it puts around it.</summary>
    public static string Reason(Exception exception)
    {
        const string before = "(message: '";
        var message = exception.Message.ReplaceLineEndings(" ");
        var start = message.IndexOf(before, StringComparison.Ordinal);
        return exception is ParquetException && start >= 0 ? message[(start + before.Length)..].TrimEnd(')', '\'') : message;
    }
}
