using System.Text;
using System.Text.Json;

namespace ClipTrain.Monitoring.Series;

/// <summary>
/// Parses the numbers of a metrics line by key, with dotted keys for nested objects, so any metric becomes a series. Lines of a file
/// have the same keys in the same order, so each key is first compared with the one at its position in the previous line.
/// </summary>
internal sealed class MetricsLineParser
{
    private readonly List<Key> _layout = [];
    private readonly Dictionary<string, int> _columns = new(StringComparer.Ordinal);
    private readonly string[] _parents = new string[64];

    /// <summary>Column names, in the order of first appearance.</summary>
    public List<string> Names { get; } = [];

    /// <summary>Index of a column; -1 if no line had it yet.</summary>
    public int ColumnOf(string name) => _columns.GetValueOrDefault(name, -1);

    /// <summary>Reads a line.</summary>
    /// <param name="line">One JSON object in UTF-8.</param>
    /// <param name="values">Receives one value per column, NaN for missing keys; grows with new columns.</param>
    /// <returns>False if the line is not a JSON object.</returns>
    public bool TryRead(ReadOnlySpan<byte> line, List<double> values)
    {
        for (var i = 0; i < values.Count; i++)
        {
            values[i] = double.NaN;
        }

        try
        {
            Read(line, values);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private void Read(ReadOnlySpan<byte> line, List<double> values)
    {
        var reader = new Utf8JsonReader(line, new JsonReaderOptions { MaxDepth = _parents.Length });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("A metrics line is one JSON object.");
        }

        var place = 0;
        var path = "";
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName:
                    path = PathOf(ref reader, place++);
                    _parents[reader.CurrentDepth] = path;
                    break;
                case JsonTokenType.Number:
                    Set(values, path, reader.GetDouble());
                    break;
                case JsonTokenType.String when IsNotFinite(ref reader):
                    Set(values, path, double.NaN);
                    break;
                case JsonTokenType.StartArray:
                    reader.Skip();
                    break;
            }
        }
    }

    private string PathOf(ref Utf8JsonReader reader, int place)
    {
        if (place < _layout.Count && reader.ValueTextEquals(_layout[place].Utf8) && _layout[place].Depth == reader.CurrentDepth)
        {
            return _layout[place].Path;
        }

        var name = reader.GetString()!;
        var path = reader.CurrentDepth > 1 ? $"{_parents[reader.CurrentDepth - 1]}.{name}" : name;
        if (place < _layout.Count)
        {
            _layout.RemoveRange(place, _layout.Count - place);
        }

        _layout.Add(new Key(Encoding.UTF8.GetBytes(name), path, reader.CurrentDepth));
        return path;
    }

    private void Set(List<double> values, string path, double value)
    {
        if (!_columns.TryGetValue(path, out var column))
        {
            column = Names.Count;
            _columns.Add(path, column);
            Names.Add(path);
        }

        while (values.Count <= column)
        {
            values.Add(double.NaN);
        }

        values[column] = value;
    }

    private static bool IsNotFinite(ref Utf8JsonReader reader) =>
        reader.ValueTextEquals("NaN"u8) || reader.ValueTextEquals("Infinity"u8) || reader.ValueTextEquals("-Infinity"u8);

    private readonly record struct Key(byte[] Utf8, string Path, int Depth);
}
