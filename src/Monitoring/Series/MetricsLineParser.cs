using System.Text;
using System.Text.Json;

namespace ClipTrain.Monitoring.Series;

/// <summary>
/// The numbers of a metrics line by the names of their keys, those of nested objects joined by dots: whatever a run measures
/// becomes a series without being known here. Lines of one file have the same keys in the same order, so each key is first
/// compared with the one at its place in the line before.
/// </summary>
internal sealed class MetricsLineParser
{
    private readonly List<Key> _layout = [];
    private readonly Dictionary<string, int> _columns = new(StringComparer.Ordinal);
    private readonly string[] _parents = new string[64];

    /// <summary>Names of the columns, in the order of their first appearance.</summary>
    public List<string> Names { get; } = [];

    /// <summary>Reads a line.</summary>
    /// <param name="line">One JSON object in UTF-8.</param>
    /// <param name="values">Gets a value a column, NaN for keys that the line lacks; grows with new columns.</param>
    /// <returns>False when the line is no JSON object.</returns>
    public bool TryRead(ReadOnlySpan<byte> line, List<double> values)
    {
        for (var i = 0; i < values.Count; i++)
            values[i] = double.NaN;
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
            throw new JsonException("A metrics line is one JSON object.");
        var place = 0;
        string path = "";
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
            return _layout[place].Path;
        var name = reader.GetString()!;
        var path = reader.CurrentDepth > 1 ? $"{_parents[reader.CurrentDepth - 1]}.{name}" : name;
        if (place < _layout.Count)
            _layout.RemoveRange(place, _layout.Count - place);
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
            values.Add(double.NaN);
        values[column] = value;
    }

    private static bool IsNotFinite(ref Utf8JsonReader reader) =>
        reader.ValueTextEquals("NaN"u8) || reader.ValueTextEquals("Infinity"u8) || reader.ValueTextEquals("-Infinity"u8);

    private readonly record struct Key(byte[] Utf8, string Path, int Depth);
}
