using ClipTrain.DataPipeline.Selection;

namespace ClipTrain.DataPipeline.Tests.Selection;

public sealed class QueryMatcherTests
{
    private static readonly string[] Queries =
    [
        "red",
        "Red Panda",
        "panda",
        "new york",
        "york",
        "st. bernard",
        "42",
        "café",
        "--",
        "PANDA",
        "new",
    ];

    [Theory]
    [InlineData("A red panda!", "red", "Red Panda", "panda")]
    [InlineData("red, panda", "red", "Red Panda", "panda")]
    [InlineData("Reddish pandas")]
    [InlineData("NEW YORK, New York", "new york", "york", "new")]
    [InlineData("a St Bernard of 42 kg in a CAFÉ", "st. bernard", "42", "café")]
    [InlineData("new  \n york", "new york", "york", "new")]
    [InlineData("")]
    [InlineData("?! -- …")]
    [InlineData("new new panda york", "panda", "york", "new")]
    public void Whole_words_are_found_whatever_their_case_and_what_separates_them(string caption, params string[] expected)
    {
        var matches = new List<int> { 99 };

        new QueryMatcher(Queries).Match(caption, matches);

        Assert.Equal(expected, matches.Select(query => Queries[query]), StringComparer.Ordinal);
    }

    [Fact]
    public void Random_captions_match_what_a_search_for_each_query_finds()
    {
        var random = new Random(7);
        string Words(int count) => string.Join(' ', Enumerable.Range(0, count).Select(_ => $"w{random.Next(12)}"));
        string[] queries = [.. Enumerable.Range(0, 300).Select(_ => Words(random.Next(1, 5))).Distinct(StringComparer.Ordinal)];
        var matcher = new QueryMatcher(queries);
        var matches = new List<int>();

        for (var i = 0; i < 300; i++)
        {
            var caption = Words(random.Next(0, 15));
            matcher.Match(caption, matches);
            Assert.Equal(
                Enumerable.Range(0, queries.Length).Where(q => $" {caption} ".Contains($" {queries[q]} ", StringComparison.Ordinal)),
                matches
            );
        }
    }
}
