using System.Text.RegularExpressions;

namespace ClipTrain.Architecture.Tests;

/// <summary>Reads projects, namespaces and references from the source files in src.</summary>
internal static partial class SourceTree
{
    private static readonly string Source = Path.Combine(FindRoot(), "src");

    /// <summary>Names of the projects in src.</summary>
    public static IReadOnlyList<string> Projects() =>
        [
            .. Directory
                .EnumerateDirectories(Source)
                .Select(folder => Path.GetFileName(folder))
                .Where(name => File.Exists(ProjectFile(name)))
                .Order(StringComparer.Ordinal),
        ];

    /// <summary>Names of the projects that a project refers to.</summary>
    public static IEnumerable<string> ReferencesOf(string project) =>
        ProjectReference().Matches(File.ReadAllText(ProjectFile(project))).Select(match => match.Groups["name"].Value);

    /// <summary>The references between the namespaces of a project, which are its folders.</summary>
    public static DependencyGraph FoldersOf(string project)
    {
        var files = Directory
            .EnumerateFiles(Path.Combine(Source, project), "*.cs", SearchOption.AllDirectories)
            .Where(file => !GeneratedFolder().IsMatch(file))
            .Select(file => (Name: Path.GetFileName(file), Text: File.ReadAllText(file)))
            .Select(file => (file.Name, file.Text, Namespace: NamespaceOf(file.Text)))
            .Where(file => file.Namespace.Length > 0)
            .ToList();
        var types = files
            .SelectMany(file => TypeDeclaration().Matches(Code(file.Text)).Select(match => (file.Namespace, match.Groups["name"].Value)))
            .Distinct()
            .ToList();
        var graph = new DependencyGraph();
        foreach (var (name, text, from) in files)
        {
            foreach (var to in NamespacesIn(text, types, $"ClipTrain.{project}").Where(to => !IsRelated(from, to)))
            {
                graph.Add(Folder(from), Folder(to), name);
            }
        }

        return graph;

        string Folder(string space) => space == $"ClipTrain.{project}" ? project : space[$"ClipTrain.{project}.".Length..];
    }

    /// <summary>The namespaces of a project that the code of a file refers to, by using directives and qualified names.</summary>
    /// <param name="text">The file.</param>
    /// <param name="types">All types of the project, with their namespaces.</param>
    /// <param name="root">The project's root namespace.</param>
    public static IEnumerable<string> NamespacesIn(string text, IReadOnlyList<(string Namespace, string Type)> types, string root)
    {
        var code = Code(text);
        var spaces = types.Select(type => type.Namespace).ToHashSet(StringComparer.Ordinal);
        var used = UsingDirective()
            .Matches(code)
            .Select(match => match.Groups["name"].Value)
            .Select(name => spaces.Contains(name) ? name : name[..Math.Max(0, name.LastIndexOf('.'))]);
        var names = QualifiedName().Matches(code).Select(match => (match.Groups["space"].Value, match.Groups["type"].Value)).ToHashSet();
        var qualified = types
            .Where(type => type.Namespace.Length > root.Length)
            .Where(type => names.Contains((type.Namespace.Split('.')[^1], type.Type)))
            .Select(type => type.Namespace);
        return used.Concat(qualified).Where(spaces.Contains).Distinct(StringComparer.Ordinal);
    }

    private static bool IsRelated(string one, string other) =>
        one == other || one.StartsWith($"{other}.", StringComparison.Ordinal) || other.StartsWith($"{one}.", StringComparison.Ordinal);

    private static string NamespaceOf(string text) => NamespaceDeclaration().Match(text).Groups["name"].Value;

    private static string Code(string text) => CommentOrText().Replace(text, "");

    private static string ProjectFile(string project) => Path.Combine(Source, project, $"{project}.csproj");

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "ClipTrain.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests do not run inside a checkout.");
        }

        return folder;
    }

    [GeneratedRegex(@"<ProjectReference Include=""[^""]*/(?<name>[^/""]+)\.csproj""")]
    private static partial Regex ProjectReference();

    [GeneratedRegex(@"[/\\](obj|bin)[/\\]")]
    private static partial Regex GeneratedFolder();

    [GeneratedRegex(@"^namespace (?<name>[\w.]+);", RegexOptions.Multiline)]
    private static partial Regex NamespaceDeclaration();

    [GeneratedRegex(@"^(global )?using (static )?(\w+ = )?(?<name>[\w.]+);", RegexOptions.Multiline)]
    private static partial Regex UsingDirective();

    [GeneratedRegex(@"\b(class|struct|interface|enum|record|record struct|delegate [\w<>\[\]?., ]+?) (?<name>[A-Z]\w*)")]
    private static partial Regex TypeDeclaration();

    [GeneratedRegex(@"\b(?<space>[A-Z]\w*)\.(?<type>[A-Z]\w*)")]
    private static partial Regex QualifiedName();

    [GeneratedRegex(@"//[^\n]*|""([^""\\\n]|\\.)*""")]
    private static partial Regex CommentOrText();
}
