using System.Text;
using System.Text.RegularExpressions;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>
/// Files that match a pattern: <c>*</c> and <c>?</c> within a name, <c>[abc]</c> and <c>[!a-c]</c> for a character, <c>**</c> for any
/// folders. A name that exists literally is taken literally, even if it contains pattern characters.
/// </summary>
internal static class FileGlob
{
    public static bool IsPattern(string path) => path.AsSpan().IndexOfAny("*?[") >= 0;

    /// <summary>Full paths of the matching files.</summary>
    /// <param name="pattern">A full path with pattern characters in any of its parts.</param>
    /// <exception cref="CorpusException">A folder cannot be listed.</exception>
    public static IReadOnlyList<string> Match(string pattern)
    {
        var root = Path.GetPathRoot(pattern)!;
        return [.. In(root, pattern[root.Length..].Split('/', StringSplitOptions.RemoveEmptyEntries)).Distinct(StringComparer.Ordinal)];
    }

    private static IEnumerable<string> In(string folder, ArraySegment<string> parts)
    {
        var (part, rest) = (parts[0], parts[1..]);
        var literal = Path.Combine(folder, part);
        if (rest.Count == 0)
        {
            if (!IsPattern(part) || File.Exists(literal))
            {
                return File.Exists(literal) ? [literal] : [];
            }

            return part == "**" ? [] : List(folder, part, Directory.EnumerateFiles);
        }

        if (part == "**")
        {
            return In(folder, rest)
                .Concat(
                    List(folder, "*", Directory.EnumerateDirectories)
                        .Where(inner => new DirectoryInfo(inner).LinkTarget is null)
                        .SelectMany(inner => In(inner, parts))
                );
        }

        if (!IsPattern(part) || Directory.Exists(literal))
        {
            return Directory.Exists(literal) ? In(literal, rest) : [];
        }

        return List(folder, part, Directory.EnumerateDirectories).SelectMany(inner => In(inner, rest));
    }

    private static string[] List(string folder, string pattern, Func<string, IEnumerable<string>> list)
    {
        var regex = ToRegex(pattern);
        try
        {
            return [.. list(folder).Where(path => regex.IsMatch(Path.GetFileName(path))).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"the folder {folder} cannot be listed: {e.Message}", e);
        }
    }

    private static Regex ToRegex(string pattern)
    {
        var regex = new StringBuilder("^");
        for (var i = 0; i < pattern.Length; i++)
        {
            var end = pattern[i] == '[' ? pattern.IndexOf(']', Math.Min(i + 2, pattern.Length)) : -1;
            if (end > 0)
            {
                var set = pattern[(i + 1)..end];
                var isInverted = set[0] is '!' or '^';
                regex
                    .Append(isInverted ? "[^" : "[")
                    .Append(
                        (isInverted ? set[1..] : set)
                            .Replace("\\", "\\\\", StringComparison.Ordinal)
                            .Replace("[", "\\[", StringComparison.Ordinal)
                    )
                    .Append(']');
                i = end;
            }
            else
            {
                regex.Append(
                    pattern[i] switch
                    {
                        '*' => ".*",
                        '?' => ".",
                        var other => Regex.Escape(other.ToString()),
                    }
                );
            }
        }

        return new Regex(regex.Append('$').ToString(), RegexOptions.CultureInvariant | RegexOptions.Singleline, TimeSpan.FromSeconds(1));
    }
}
