using System.Text.Json;

namespace ClipTrain.DataPipeline.Tests.Import;

/// <summary>Small packages of emoji and of their keywords in a temporary folder.</summary>
internal sealed class FakeEmojiPackages : IDisposable
{
    public static readonly string[] Vendors = ["noto", "twemoji", "openmoji", "emojione", "fxemoji", "fluent-emoji"];

    public string Root { get; } = Directory.CreateTempSubdirectory("cliptrain-emoji-").FullName;

    /// <summary>The Iconify packages.</summary>
    public string Icons => Path.Combine(Root, "@iconify-json");

    /// <summary>Writes one package; every drawing is a square whose colour depends on its name and vendor.</summary>
    public void Add(
        string vendor,
        IEnumerable<string> names,
        object? aliases = null,
        IEnumerable<string>? hidden = null,
        Dictionary<string, string[]>? categories = null
    )
    {
        var icons = names.ToDictionary(n => n, n => (object)new { body = Square(vendor, n) }, StringComparer.Ordinal);
        foreach (var name in hidden ?? [])
        {
            icons[name] = new { body = Square(vendor, name), hidden = true };
        }

        Write(
            vendor,
            "icons.json",
            new
            {
                prefix = vendor,
                icons,
                aliases = aliases ?? new { },
                width = 10,
                height = 10,
            }
        );
        Write(
            vendor,
            "info.json",
            new
            {
                name = "Set " + vendor,
                author = new { name = "Author of " + vendor, url = "https://example.com" },
                license = new { spdx = "MIT", url = "https://example.com/licence" },
            }
        );
        Write(vendor, "metadata.json", new { categories = categories ?? [] });
        Write(vendor, "package.json", new { version = "1.2.3" });
    }

    /// <summary>Writes the package of keywords.</summary>
    /// <param name="emoji">For each emoji its name, with underscores, and its keywords.</param>
    public void AddKeywords(Dictionary<string, string[]> emoji)
    {
        var folder = Directory.CreateDirectory(Path.Combine(Root, "emojilib", "dist")).FullName;
        File.WriteAllText(Path.Combine(folder, "emoji-en-US.json"), JsonSerializer.Serialize(emoji));
    }

    /// <summary>The same names from every vendor; every third has keywords.</summary>
    public void AddAll(IReadOnlyList<string> names)
    {
        AddKeywords(
            names
                .Where((_, i) => i % 3 == 0)
                .ToDictionary(n => "emoji of " + n, n => (string[])[n.Replace('-', '_'), "found", "by_me"], StringComparer.Ordinal)
        );
        foreach (var vendor in Vendors)
        {
            Add(
                vendor,
                names,
                categories: new Dictionary<string, string[]>(StringComparer.Ordinal) { ["Even"] = [.. names.Where((_, i) => i % 2 == 0)] }
            );
        }
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private static string Square(string vendor, string name)
    {
        var colour = (vendor + name).Aggregate(17, (hash, c) => (hash * 31) + c) & 0xFFFFFF;
        return $"<path fill=\"#{colour:x6}\" d=\"M2 2h6v6h-6z\"/>";
    }

    private void Write(string vendor, string file, object content)
    {
        Directory.CreateDirectory(Path.Combine(Icons, vendor));
        File.WriteAllText(Path.Combine(Icons, vendor, file), JsonSerializer.Serialize(content));
    }
}
