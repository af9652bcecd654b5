using System.Globalization;
using System.Text;
using System.Text.Json;

namespace ClipTrain.Trainer.Tests.Reference;

/// <summary>open_clip's outputs for every case, as sketches. Written by <c>bench/OpenClip --record</c>.</summary>
/// <param name="Reference">Versions of the programs that produced them.</param>
/// <param name="Cases">Sketches by case and tensor.</param>
public sealed record Fixture(string Reference, IReadOnlyDictionary<string, IReadOnlyDictionary<string, Sketch>> Cases)
{
    public static Fixture Read(string path)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(path));
        var cases = json
            .RootElement.GetProperty("cases")
            .EnumerateObject()
            .ToDictionary(
                item => item.Name,
                item =>
                    (IReadOnlyDictionary<string, Sketch>)
                        item
                            .Value.EnumerateObject()
                            .ToDictionary(tensor => tensor.Name, tensor => ReadSketch(tensor.Value), StringComparer.Ordinal),
                StringComparer.Ordinal
            );
        return new Fixture(json.RootElement.GetProperty("reference").GetString()!, cases);
    }

    /// <summary>One tensor per line, so that a new recording can be diffed against the old.</summary>
    public void Write(string path)
    {
        var cases = Cases.Select(item =>
            $"    {JsonSerializer.Serialize(item.Key)}: "
            + $"{{\n{string.Join(",\n", item.Value.OrderBy(tensor => tensor.Key, StringComparer.Ordinal).Select(Line))}\n    }}"
        );
        File.WriteAllText(
            path,
            $"{{\n  \"reference\": {JsonSerializer.Serialize(Reference)},\n  \"cases\": {{\n{string.Join(",\n", cases)}\n  }}\n}}\n",
            new UTF8Encoding(false)
        );
    }

    private static string Line(KeyValuePair<string, Sketch> tensor)
    {
        var numbers = tensor.Value.Products.Prepend(tensor.Value.Norm).Select(x => x.ToString("G7", CultureInfo.InvariantCulture));
        return $"      {JsonSerializer.Serialize(tensor.Key)}: [{string.Join(", ", numbers)}]";
    }

    private static Sketch ReadSketch(JsonElement numbers)
    {
        double[] values = [.. numbers.EnumerateArray().Select(number => number.GetDouble())];
        return new Sketch(values[0], values[1..]);
    }
}
