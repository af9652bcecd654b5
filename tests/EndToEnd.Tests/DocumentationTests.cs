using System.Text.RegularExpressions;
using ClipTrain.EndToEnd.Tests.Cluster;

namespace ClipTrain.EndToEnd.Tests;

/// <summary>Links and paths in the Markdown files of the repository.</summary>
public sealed partial class DocumentationTests
{
    public static TheoryData<string> Pages =>
        [
            .. new[] { "", "docs" }
                .SelectMany(folder => Directory.GetFiles(Path.Combine(Repository.Root, folder), "*.md"))
                .Select(path => Path.GetRelativePath(Repository.Root, path)),
        ];

    [Theory, MemberData(nameof(Pages))]
    public void Relative_links_point_to_existing_files_and_headings(string page)
    {
        var text = Prose(page);

        var broken = Link().Matches(text).Select(link => link.Groups["target"].Value).Where(target => !Exists(page, target));

        Assert.Empty(broken);
    }

    [Theory, MemberData(nameof(Pages))]
    public void Paths_into_the_source_tree_exist(string page)
    {
        var text = Prose(page);

        var missing = SourcePath().Matches(text).Select(path => path.Groups["path"].Value).Where(path => !Path.Exists(InRepository(path)));

        Assert.Empty(missing);
    }

    [Fact]
    public void Code_of_the_library_page_is_that_of_the_examples_which_the_tests_compile()
    {
        var examples = Directory.GetFiles(InRepository("tests/Cli.Tests/Examples"), "*.cs").Select(path => Trimmed(File.ReadAllText(path)));

        var shown = CSharpBlock()
            .Matches(File.ReadAllText(InRepository("docs/library.md")))
            .Select(block => block.Groups["code"].Value)
            .ToList();

        Assert.NotEmpty(shown);
        Assert.All(shown, code => Assert.Contains(examples, example => example.Contains(Trimmed(code), StringComparison.Ordinal)));
    }

    private static bool Exists(string page, string target)
    {
        if (Uri.TryCreate(target, UriKind.Absolute, out _))
        {
            return true;
        }

        var (path, heading) = target.Split('#', 2) is [var file, var anchor] ? (file, anchor) : (target, null);
        var full = path.Length == 0 ? InRepository(page) : Path.Combine(Path.GetDirectoryName(InRepository(page))!, path);
        return Path.Exists(full) && (heading is null || Headings(File.ReadAllText(full)).Contains(heading, StringComparer.Ordinal));
    }

    /// <summary>Returns the anchors of a page's headings: lower case, without punctuation, hyphens for spaces.</summary>
    private static IEnumerable<string> Headings(string text) =>
        Heading()
            .Matches(text)
            .Select(heading => Punctuation().Replace(heading.Groups["title"].Value.ToLowerInvariant(), "").Replace(' ', '-'));

    /// <summary>Returns a page without its code blocks.</summary>
    private static string Prose(string page) => CodeBlock().Replace(File.ReadAllText(InRepository(page)), "");

    /// <summary>Lines without their indentation, which differs between a page and a class.</summary>
    private static string Trimmed(string code) => string.Join('\n', code.Trim().Split('\n').Select(line => line.Trim()));

    private static string InRepository(string path) => Path.Combine(Repository.Root, path);

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex CodeBlock();

    [GeneratedRegex(
        @"```csharp\n(?<code>.*?)```",
        RegexOptions.Singleline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 60_000
    )]
    private static partial Regex CSharpBlock();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex Link();

    [GeneratedRegex(@"^#+ (?<title>.+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\p{L}\p{N} _-]", RegexOptions.None, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex Punctuation();

    [GeneratedRegex(
        @"`(?<path>(src|tests|configs|scripts|bench|docs)/[\w./-]+)`",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 60_000
    )]
    private static partial Regex SourcePath();
}
