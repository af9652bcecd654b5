using System.Text;
using ClipTrain.DataPipeline.Corpus;
using CsvHelper;

namespace ClipTrain.DataPipeline.Import.Csv;

/// <summary>
/// Records of delimited text (RFC 4180) from CsvHelper, with errors that name file and line. Blank lines are no records;
/// UTF-16 is read where a byte order mark says so, else UTF-8.
/// </summary>
internal sealed class CsvRecords : IDisposable
{
    /// <summary>A record beyond this is a quote that nobody closed.</summary>
    private const int MaxRecordBytes = 4 << 20;

    private const string Advice = "close it, or say --no-quotes if quotes have no meaning here";

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly CsvReader _reader;
    private readonly string _file;
    private CsvMalformedRecord? _malformed;

    /// <param name="bytes">The text; closed with this object.</param>
    /// <param name="delimiter">What separates fields.</param>
    /// <param name="quotes">False where a quote is a character as any other.</param>
    /// <param name="file">The file's name, for errors.</param>
    /// <exception cref="CorpusException">The delimiter cannot be one.</exception>
    public CsvRecords(Stream bytes, char delimiter, bool quotes, string file)
    {
        _file = file;
        if (!char.IsAscii(delimiter) || delimiter is '"' or '\r' or '\n' or '\0')
            throw new CorpusException(
                $"{file}: {delimiter} cannot separate fields (--delimiter); use an ASCII character that is no quote and no line break"
            );
        _reader = CsvReader.Create(
            bytes,
            new CsvReaderOptions
            {
                Separator = delimiter,
                HasHeader = false,
                Mode = quotes ? CsvMode.Rfc4180 : CsvMode.NoEscape,
                MaxRecordSize = MaxRecordBytes,
                TrackLineNumbers = true,
                // A quote within a field that does not begin with one is text.
                OnMalformedRecord = record => _malformed = record.Reason == CsvMalformedReason.StrayQuote ? null : record,
            }
        );
    }

    /// <summary>The line that the last record began on, from 1.</summary>
    public long Line { get; private set; }

    /// <summary>True if the last record is UTF-8; what is not reads as U+FFFD.</summary>
    public bool IsUtf8 { get; private set; }

    /// <summary>The next record's fields; null at the end.</summary>
    /// <exception cref="CorpusException">A quote is not closed or is followed by text, or the file cannot be read.</exception>
    public string[]? Next()
    {
        try
        {
            if (!_reader.Read())
                return null;
        }
        catch (CsvFormatException e)
        {
            throw new CorpusException(
                $"{_file}:{e.LineNumber}: a record has more than {MaxRecordBytes >> 20} MiB; a quote that is not closed? If so, {Advice}",
                e
            );
        }
        catch (IOException e)
        {
            throw new CorpusException($"{_file} cannot be read behind line {Line}: {e.Message}", e);
        }

        Line = _reader.LineNumber;
        if (_malformed is { } malformed)
        {
            throw new CorpusException(
                $"{_file}:{malformed.LineNumber}: "
                    + (
                        malformed.Reason == CsvMalformedReason.UnterminatedQuote
                            ? $"a quote is opened and never closed; {Advice}"
                            : "a closing quote is followed by text; write a quote within a quoted field twice, or say --no-quotes if "
                                + "quotes have no meaning here"
                    )
            );
        }

        IsUtf8 = true;
        var fields = new string[_reader.FieldCount];
        for (var i = 0; i < fields.Length; i++)
            fields[i] = Text(_reader.GetSpan(i));
        return fields;
    }

    public void Dispose() => _reader.Dispose();

    private string Text(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            IsUtf8 = false;
            return Encoding.UTF8.GetString(bytes);
        }
    }
}
