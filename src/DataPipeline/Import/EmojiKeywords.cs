using System.Text.Json;

namespace ClipTrain.DataPipeline.Import;

/// <summary>
/// Words with which people look for emoji, from the npm package emojilib: for each emoji its name, with underscores, and then its
/// keywords.
/// </summary>
internal sealed class EmojiKeywords
{
    private const string Package = "emojilib";

    /// <summary>More would not fit into a short caption.</summary>
    private const int MostWords = 5;

    private readonly Dictionary<string, string> _byName = new(StringComparer.Ordinal);

    private EmojiKeywords(IEnumerable<string[]> emoji)
    {
        foreach (var words in emoji)
        {
            var name = words[0].Split('_');
            var others = words[1..]
                .Where(word => word.All(c => char.IsAsciiLetterLower(c) || c is '_' or '-'))
                .Select(word => word.Replace('_', ' '))
                .Except(name, StringComparer.Ordinal)
                .Take(MostWords)
                .ToArray();
            if (others.Length > 0)
            {
                _byName.TryAdd(Squash(words[0]), string.Join(' ', others));
            }
        }
    }

    /// <summary>Loads the package.</summary>
    /// <param name="packagesRoot">The folder node_modules.</param>
    /// <exception cref="InvalidDataException">The file is missing or not as expected; the message names it.</exception>
    public static EmojiKeywords Load(string packagesRoot)
    {
        var path = Path.Combine(packagesRoot, Package, "dist", "emoji-en-US.json");
        try
        {
            var emoji = JsonSerializer.Deserialize<Dictionary<string, string[]>>(File.ReadAllBytes(path))!;
            return new EmojiKeywords(
                emoji.OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => e.Value).Where(words => words.Length > 0)
            );
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            throw new InvalidDataException($"{path}: {e.Message} It should be a file of the npm package {Package}.", e);
        }
    }

    /// <summary>Up to five keywords of a concept that its name does not contain; null if there are none.</summary>
    public string? Of(string concept) => _byName.GetValueOrDefault(Squash(concept));

    private static string Squash(string name) => new([.. name.Where(char.IsLetterOrDigit)]);
}
