using System.Text;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import.Csv;

/// <summary>
/// Reads records of delimited text (RFC 4180): a field that begins with a quote may hold delimiters, line breaks and
/// doubled quotes; lines end with LF or CRLF; blank lines are no records; a byte order mark is passed over.
/// </summary>
/// <param name="text">The text.</param>
/// <param name="delimiter">What separates fields.</param>
/// <param name="quotes">False where a quote is a character as any other.</param>
/// <param name="file">The file's name, for errors.</param>
internal sealed class CsvReader(TextReader text, char delimiter, bool quotes, string file)
{
    /// <summary>A field beyond this is a quote that nobody closed.</summary>
    private const int MaxFieldChars = 1 << 20;

    private const int End = -1;

    private readonly StringBuilder _field = new();
    private readonly List<string> _fields = [];
    private readonly char[] _buffer = new char[16 << 10];
    private int _at, _count;
    private long _nextLine = 1;

    /// <summary>The line that the last record began on, from 1.</summary>
    public long Line { get; private set; }

    /// <summary>The next record's fields; null at the end.</summary>
    /// <exception cref="CorpusException">A quote is not closed or is followed by text, or the text is not UTF-8; the message names file and line.</exception>
    public string[]? Next()
    {
        while (Peek() != End)
        {
            Line = _nextLine;
            _fields.Clear();
            var more = true;
            var wasQuoted = false;
            while (more)
            {
                _field.Clear();
                wasQuoted = quotes && Peek() == '"';
                if (wasQuoted)
                    ReadQuoted();
                more = ReadPlain(wasQuoted);
                _fields.Add(_field.ToString());
            }

            if (_fields.Count > 1 || _fields[0].Length > 0 || wasQuoted)
                return [.. _fields];
        }

        return null;
    }

    /// <summary>Reads to the end of a field that is not quoted, or what is behind the closing quote, which must be nothing. True if another field follows.</summary>
    private bool ReadPlain(bool mustBeEmpty)
    {
        while (true)
        {
            var c = Read();
            if (c == delimiter)
                return true;
            if (c is End or '\n')
                return false;
            if (c == '\r' && Peek() is '\n' or End)
                continue;
            if (mustBeEmpty)
                throw Error(Line, $"a closing quote is followed by {(char)c}; write a quote within a quoted field twice, or say --no-quotes if quotes have no meaning here");
            Append(c);
        }
    }

    private void ReadQuoted()
    {
        var opened = _nextLine;
        Read();
        while (true)
        {
            var c = Read();
            if (c == End)
                throw Error(opened, "a quote is opened and never closed; close it, or say --no-quotes if quotes have no meaning here");
            if (c == '"' && Peek() != '"')
                return;
            if (c == '"')
                Read();
            Append(c);
        }
    }

    private void Append(int c)
    {
        if (_field.Length == MaxFieldChars)
            throw Error(Line, $"a field has more than {MaxFieldChars} characters; a quote that is not closed? Close it, or say --no-quotes if quotes have no meaning here");
        _field.Append((char)c);
    }

    private int Peek() => _at < _count || Fill() ? _buffer[_at] : End;

    private int Read()
    {
        var c = Peek();
        _at++;
        if (c == '\n')
            _nextLine++;
        return c;
    }

    private bool Fill()
    {
        try
        {
            (_at, _count) = (0, text.Read(_buffer));
            return _count > 0;
        }
        catch (DecoderFallbackException e)
        {
            throw new CorpusException($"{file}: the text somewhere behind line {_nextLine} is not UTF-8; convert it, for example with iconv", e);
        }
        catch (IOException e)
        {
            throw new CorpusException($"{file} cannot be read behind line {_nextLine}: {e.Message}", e);
        }
    }

    private CorpusException Error(long line, string message) => new($"{file}:{line}: {message}");
}
