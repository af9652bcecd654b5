using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Tests.Config;

public sealed class MisspeltKeyTests
{
    private static readonly OptionSection s_root = OptionSection.Of(typeof(RunOptions));

    public static TheoryData<string> Sections => [.. s_sections.Keys];

    private static readonly Dictionary<string, OptionSection> s_sections = Walk("(top)", s_root).ToDictionary(StringComparer.Ordinal);

    /// <summary>
    /// Every key of every section with every single typo: a letter omitted, doubled, replaced, or swapped with the next.
    /// </summary>
    [Theory, MemberData(nameof(Sections))]
    public void A_single_typo_suggests_the_key_or_an_equally_near_one(string path)
    {
        var section = s_sections[path];
        foreach (var key in section.Keys)
        {
            foreach (var slip in Slips(key.Name).Where(slip => slip.Length >= 3 && section.Find(slip) is null))
            {
                var (advice, meant) = UnknownKey.Explain(slip, section, s_root);
                if (advice.Contains("belongs", StringComparison.Ordinal))
                {
                    // The typo happens to be a key of another section.
                    Assert.Contains(s_sections.Values, other => other.Find(slip) is not null);
                    continue;
                }

                Assert.NotNull(meant);
                Assert.Equal($"did you mean '{meant}'?", advice);
                Assert.True(
                    EditDistance.Between(slip, meant) <= EditDistance.Between(slip, key.Name),
                    $"{slip} led to {meant}, not {key.Name}"
                );
            }
        }
    }

    [Theory]
    [InlineData("", "", 0)]
    [InlineData("abc", "", 3)]
    [InlineData("", "abc", 3)]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("steps", "setps", 1)]
    [InlineData("ab", "ba", 1)]
    [InlineData("ca", "abc", 3)]
    public void Distances_are_optimal_string_alignment_distances(string a, string b, int distance)
    {
        Assert.Equal(distance, EditDistance.Between(a, b));
        Assert.Equal(distance, EditDistance.Between(b, a));
    }

    [Fact]
    public void A_word_far_from_all_candidates_has_no_nearest_one()
    {
        Assert.Null(EditDistance.Nearest("optimizer", ["steps", "epochs", "global_batch"]));
    }

    private static IEnumerable<string> Slips(string key)
    {
        for (var i = 0; i < key.Length; i++)
        {
            yield return key.Remove(i, 1);
            yield return key.Insert(i, key[i].ToString());
            yield return key[..i] + 'q' + key[(i + 1)..];
            if (i + 1 < key.Length)
            {
                yield return key[..i] + key[i + 1] + key[i] + key[(i + 2)..];
            }
        }
    }

    private static IEnumerable<KeyValuePair<string, OptionSection>> Walk(string path, OptionSection section) =>
        section
            .Keys.Where(key => key.IsSection)
            .SelectMany(key => Walk($"{path}.{key.Name}", OptionSection.Of(key.ValueType)))
            .Prepend(KeyValuePair.Create(path, section));
}
