using System.Text;
using ClipTrain.DataPipeline.Corpus;
using CsvHelper;

namespace ClipTrain.DataPipeline.Import.Csv;

/// <summary>
/// Records of delimited text (RFC 4180), read with CsvHelper, with errors that name file and line. Blank lines are skipped; UTF-16 is
/// read if there is a byte order mark, UTF-8 otherwise.
/// </summary>
internal sealed class CsvRecords : IDisposable
{
    /// <summary>Longer records indicate an unclosed quote.</summary>
    private const int MaxRecordBytes = 4 << 20;

    private const string Advice = "close it, or use --no-quotes if quotes have no special meaning";

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly CsvReader _reader;
    private readonly string _file;
    private CsvMalformedRecord? _malformed;

    /// <param name="bytes">The text; closed with this object.</param>
    /// <param name="delimiter">Field separator.</param>
    /// <param name="quotes">False if quotes have no special meaning.</param>
    /// <param name="file">The file's name, for errors.</param>
    /// <exception cref="CorpusException">The delimiter is not usable.</exception>
    public CsvRecords(Stream bytes, char delimiter, bool quotes, string file)
    {
        _file = file;
        if (!char.IsAscii(delimiter) || delimiter is '"' or '\r' or '\n' or '\0')
        {
            throw new CorpusException(
                $"{file}: {delimiter} cannot be a delimiter (--delimiter); use an ASCII character other than a quote or a line break"
            );
        }

        _reader = CsvReader.Create(
            bytes,
            new CsvReaderOptions
            {
                Separator = delimiter,
                HasHeader = false,
                Mode = quotes ? CsvMode.Rfc4180 : CsvMode.NoEscape,
                MaxRecordSize = MaxRecordBytes,
                TrackLineNumbers = true,
                // A quote inside an unquoted field is text.
                OnMalformedRecord = record => _malformed = record.Reason == CsvMalformedReason.StrayQuote ? null : record,
            }
        );
    }

    /// <summary>Line on which the last record began, from 1.</summary>
    public long Line { get; private set; }

    /// <summary>True if the last record is UTF-8; invalid bytes are read as U+FFFD.</summary>
    public bool IsUtf8 { get; private set; }

    /// <summary>The next record's fields; null at the end.</summary>
    /// <exception cref="CorpusException">A quote is not closed or is followed by text, or the file cannot be read.</exception>
    public string[]? Next()
    {
        try
        {
            if (!_reader.Read())
            {
                return null;
            }
        }
        catch (CsvFormatException e)
        {
            throw new CorpusException(
                $"{_file}:{e.LineNumber}: a record has more than {MaxRecordBytes >> 20} MiB, probably because of an "
                    + $"unclosed quote; {Advice}",
                e
            );
        }
        catch (IOException e)
        {
            throw new CorpusException($"{_file} cannot be read after line {Line}: {e.Message}", e);
        }

        Line = _reader.LineNumber;
        if (_malformed is { } malformed)
        {
            throw new CorpusException(
                $"{_file}:{malformed.LineNumber}: "
                    + (
                        malformed.Reason == CsvMalformedReason.UnterminatedQuote
                            ? $"a quote is opened and never closed; {Advice}"
                            : "a closing quote is followed by text; double a quote inside a quoted field, or use --no-quotes if "
                                + "quotes have no special meaning"
                    )
            );
        }

        IsUtf8 = true;
        var fields = new string[_reader.FieldCount];
        for (var i = 0; i < fields.Length; i++)
        {
            fields[i] = Text(_reader.GetSpan(i));
        }

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
