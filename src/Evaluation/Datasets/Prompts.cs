using System.Text.Json;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>The prompts of a set's classes.</summary>
public static class Prompts
{
    private const string Default = "a photo of a {}.";

    /// <summary>For each class its prompts, of every class as many unless a file lists them class by class.</summary>
    /// <exception cref="DataPipeline.Corpus.CorpusException">The file cannot be read, lacks a class, or a template has no place for the
    /// name.</exception>
    public static IReadOnlyList<IReadOnlyList<string>> Of(SetOptions set, IImageSet images, ClassList classes)
    {
        var templates = set.Templates.Count > 0 ? set.Templates : images.Templates;
        if (set.Templates.Count == 0 && set.TemplatesFile is { } file)
        {
            var text = Read(set, file);
            if (Path.GetExtension(file) == ".json" && text.TrimStart().StartsWith('{'))
                return PerClass(set, file, text, classes);
            templates =
                Path.GetExtension(file) == ".json"
                    ? Parse<string[]>(set, file, text)
                    : text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        }

        if (templates.Count == 0)
            templates = [Default];
        if (templates.FirstOrDefault(template => !HasPlace(template)) is { } without)
            throw SetError.Of(set.Name, $"the template '{without}' has no {{}} for the class name.");
        return [.. classes.Names.Select(name => templates.Select(template => Fill(template, name)).ToList())];
    }

    private static bool HasPlace(string template) =>
        template.Contains("{}", StringComparison.Ordinal) || template.Contains("{c}", StringComparison.Ordinal);

    /// <summary>{} is open_clip's and the paper's, {c} CLIP_benchmark's.</summary>
    private static string Fill(string template, string name) =>
        template.Replace("{}", name, StringComparison.Ordinal).Replace("{c}", name, StringComparison.Ordinal);

    private static IReadOnlyList<IReadOnlyList<string>> PerClass(SetOptions set, string file, string text, ClassList classes)
    {
        var prompts = Parse<Dictionary<string, string[]>>(set, file, text);
        return
        [
            .. classes.Names.Select(name =>
                prompts.TryGetValue(name, out var own) && own.Length > 0
                    ? own.Select(prompt => Fill(prompt, name)).ToList()
                    : throw SetError.Of(set.Name, $"{file} has no prompts for the class '{name}'.")
            ),
        ];
    }

    private static string Read(SetOptions set, string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw SetError.Of(set.Name, $"templates_file {file} cannot be read: {e.Message}");
        }
    }

    private static T Parse<T>(SetOptions set, string file, string text)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(text) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw SetError.Of(
                set.Name,
                $"templates_file {file} is neither a JSON list of templates nor an object with a list a class: {e.Message}"
            );
        }
    }
}
