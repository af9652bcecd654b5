using System.Globalization;
using System.Text.Json;

namespace ClipTrain.DataPipeline.Import;

/// <summary>One vendor's drawings: an Iconify package (icons.json, info.json, metadata.json, package.json).</summary>
internal sealed class EmojiSet : IDisposable
{
    private readonly JsonDocument _icons,
        _info,
        _metadata,
        _package;
    private readonly double _width,
        _height;
    private readonly Dictionary<string, string> _categories = new(StringComparer.Ordinal);

    private EmojiSet(string vendor, JsonDocument icons, JsonDocument info, JsonDocument metadata, JsonDocument package)
    {
        (Vendor, _icons, _info, _metadata, _package) = (vendor, icons, info, metadata, package);
        var root = icons.RootElement;
        (_width, _height) = (Number(root, "width", 16), Number(root, "height", 16));
        Names =
        [
            .. root.GetProperty("icons")
                .EnumerateObject()
                .Where(i => !i.Value.TryGetProperty("hidden", out _))
                .Select(i => i.Name)
                .Order(StringComparer.Ordinal),
        ];
        if (root.TryGetProperty("aliases", out var aliases))
        {
            Aliases =
            [
                .. aliases
                    .EnumerateObject()
                    .Where(IsOnlyAName)
                    .Select(a => (a.Name, a.Value.GetProperty("parent").GetString()!))
                    .OrderBy(a => a.Name, StringComparer.Ordinal),
            ];
        }

        if (metadata.RootElement.TryGetProperty("categories", out var categories))
        {
            foreach (var category in categories.EnumerateObject())
            {
                foreach (var name in category.Value.EnumerateArray())
                {
                    _categories.TryAdd(name.GetString()!, category.Name);
                }
            }
        }
    }

    public string Vendor { get; }

    /// <summary>Names of the drawings, in ordinal order, without withdrawn ones.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Alternative names of drawings.</summary>
    public IReadOnlyList<(string Name, string Drawing)> Aliases { get; } = [];

    /// <summary>Loads a vendor's set.</summary>
    /// <exception cref="InvalidDataException">A file of the package is missing or is not JSON; the message names it.</exception>
    public static EmojiSet Load(string iconsRoot, string vendor)
    {
        JsonDocument Read(string file)
        {
            var path = Path.Combine(iconsRoot, vendor, file);
            try
            {
                return JsonDocument.Parse(File.ReadAllBytes(path));
            }
            catch (Exception e) when (e is IOException or JsonException)
            {
                throw new InvalidDataException($"{path}: {e.Message} It should be a file of the npm package @iconify-json/{vendor}.", e);
            }
        }

        return new EmojiSet(vendor, Read("icons.json"), Read("info.json"), Read("metadata.json"), Read("package.json"));
    }

    /// <summary>The category of a name in the set, if any.</summary>
    public string? Category(string name) => _categories.GetValueOrDefault(name);

    /// <summary>The square, in the drawing's own units, in which the set displays it.</summary>
    public DrawingFrame Frame(string name)
    {
        var icon = _icons.RootElement.GetProperty("icons").GetProperty(name);
        double left = Number(icon, "left", 0),
            top = Number(icon, "top", 0),
            width = Number(icon, "width", _width),
            height = Number(icon, "height", _height);
        var side = Math.Max(width, height);
        return new DrawingFrame(left + ((width - side) / 2), top + ((height - side) / 2), side);
    }

    /// <summary>The part of the drawing inside a frame, as SVG of size × size pixels on white.</summary>
    public string Svg(string name, DrawingFrame frame, int size)
    {
        var body = _icons.RootElement.GetProperty("icons").GetProperty(name).GetProperty("body").GetString();
        var (left, top, side) = (Invariant(frame.Left), Invariant(frame.Top), Invariant(frame.Side));
        return $"""<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{size}" height="{size}" """
            + $"""viewBox="{left} {top} {side} {side}"><rect x="{left}" y="{top}" width="{side}" height="{side}" fill="#fff"/>"""
            + $"""{body}</svg>""";
    }

    /// <summary>A Markdown table row with author and licence.</summary>
    public string Attribution()
    {
        var info = _info.RootElement;
        JsonElement author = info.GetProperty("author"),
            license = info.GetProperty("license");
        return $"| {Vendor} | {info.GetProperty("name").GetString()} | "
            + $"[{author.GetProperty("name").GetString()}]({author.GetProperty("url").GetString()}) | "
            + $"[{license.GetProperty("spdx").GetString()}]({license.GetProperty("url").GetString()}) | @iconify-json/{Vendor} "
            + $"{_package.RootElement.GetProperty("version").GetString()} |";
    }

    public void Dispose()
    {
        _icons.Dispose();
        _info.Dispose();
        _metadata.Dispose();
        _package.Dispose();
    }

    private static string Invariant(double value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>True for an alias that does not rotate or mirror the drawing, which would make another picture.</summary>
    private static bool IsOnlyAName(JsonProperty alias) => alias.Value.EnumerateObject().All(p => p.NameEquals("parent"));

    private static double Number(JsonElement element, string name, double otherwise) =>
        element.TryGetProperty(name, out var value) ? value.GetDouble() : otherwise;
}
