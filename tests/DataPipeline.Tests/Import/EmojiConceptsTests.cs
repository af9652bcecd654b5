using ClipTrain.DataPipeline.Import;

namespace ClipTrain.DataPipeline.Tests.Import;

public sealed class EmojiConceptsTests : IDisposable
{
    private readonly FakeEmojiPackages _packages = new();

    public void Dispose() => _packages.Dispose();

    [Fact]
    public void Drawings_belong_together_by_name_alias_flag_or_letters()
    {
        _packages.Add(
            "noto",
            ["bear", "flag-france", "red-heart", "boar"],
            new Dictionary<string, object>(StringComparer.Ordinal) { ["bear-face"] = new { parent = "bear" } }
        );
        _packages.Add("twemoji", ["bear", "flag-france", "red-heart"]);
        _packages.Add(
            "emojione",
            ["bear-face", "flag-for-france", "heavy-heart"],
            new Dictionary<string, object>(StringComparer.Ordinal) { ["red-heart"] = new { parent = "heavy-heart" } }
        );
        _packages.Add("fxemoji", ["redheart", "bearface", "boar"]);
        var concepts = Concepts("noto", "twemoji", "emojione", "fxemoji");

        Assert.Equal(["bear", "boar", "flag-france", "red-heart"], concepts.Names);
        Assert.Equal("bear-face", concepts.Drawing("bear", "emojione"));
        Assert.Equal("flag-for-france", concepts.Drawing("flag-france", "emojione"));
        Assert.Equal("heavy-heart", concepts.Drawing("red-heart", "emojione"));
        Assert.Equal("redheart", concepts.Drawing("red-heart", "fxemoji"));
        Assert.Equal("bearface", concepts.Drawing("bear", "fxemoji"));
        Assert.Null(concepts.Drawing("boar", "twemoji"));
        Assert.Equal(2, concepts.Vendors("boar"));
    }

    [Fact]
    public void An_exact_name_wins_over_one_that_fits_less_well()
    {
        _packages.Add("noto", ["red-heart"]);
        _packages.Add("twemoji", ["redheart-", "red-heart"]);
        Assert.Equal("red-heart", Concepts("noto", "twemoji").Drawing("red-heart", "twemoji"));
    }

    [Fact]
    public void Variants_withdrawn_drawings_and_those_of_one_vendor_are_left_out()
    {
        string[] variants =
        [
            "wave",
            "wave-dark-skin-tone",
            "wave-tone3",
            "family",
            "family-man-boy",
            "man-running-facing-right",
            "withdrawn",
        ];
        _packages.Add("noto", [.. variants, "only-noto"], hidden: ["withdrawn"]);
        _packages.Add("twemoji", variants[..^1]);
        _packages.Add("openmoji", ["company-logo"]);
        Assert.Equal(["family", "wave"], Concepts("noto", "twemoji", "openmoji").Names);
    }

    [Fact]
    public void An_alias_that_mirrors_a_drawing_is_no_name_for_it()
    {
        _packages.Add("noto", ["left", "right"]);
        _packages.Add("twemoji", ["left"], new { right = new { parent = "left", hFlip = true } });
        Assert.Equal(["left"], Concepts("noto", "twemoji").Names);
    }

    [Fact]
    public void A_caption_is_the_name_in_words() => Assert.Equal("bow and arrow", EmojiConcepts.Caption("bow-and-arrow"));

    [Fact]
    public void A_missing_file_is_named()
    {
        _packages.Add("noto", ["bear"]);
        var file = Path.Combine(_packages.Icons, "noto", "info.json");
        File.WriteAllText(file, "{");
        Assert.StartsWith(
            file,
            Assert.Throws<InvalidDataException>(() => EmojiSet.Load(_packages.Icons, "noto")).Message,
            StringComparison.Ordinal
        );
        File.Delete(file);
        Assert.StartsWith(
            file,
            Assert.Throws<InvalidDataException>(() => EmojiSet.Load(_packages.Icons, "noto")).Message,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "@iconify-json/twemoji",
            Assert.Throws<InvalidDataException>(() => EmojiSet.Load(_packages.Icons, "twemoji")).Message,
            StringComparison.Ordinal
        );
    }

    /// <summary>The first two vendors name the concepts.</summary>
    private EmojiConcepts Concepts(params string[] vendors)
    {
        var sets = vendors.Select(v => EmojiSet.Load(_packages.Icons, v)).ToArray();
        var concepts = new EmojiConcepts(sets[..2], sets);
        foreach (var set in sets)
        {
            set.Dispose();
        }

        return concepts;
    }
}
