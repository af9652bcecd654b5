using System.Text.Json;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>Prompts of a set's classes.</summary>
public static class Prompts
{
    private const string Default = "a photo of a {}.";

    /// <summary>The prompts of each class. All classes have the same number unless a file lists prompts by class.</summary>
    /// <exception cref="DataPipeline.Corpus.CorpusException">The file cannot be read, lacks a class, or a template has no placeholder
    /// for the name.</exception>
    public static IReadOnlyList<IReadOnlyList<string>> Of(SetOptions set, IImageSet images, ClassList classes)
    {
        var templates = set.Templates.Count > 0 ? set.Templates : images.Templates;
        if (set.Templates.Count == 0 && set.TemplatesFile is { } file)
        {
            var text = Read(set, file);
            if (Path.GetExtension(file) == ".json" && text.TrimStart().StartsWith('{'))
            {
                return PerClass(set, file, text, classes);
            }

            templates =
                Path.GetExtension(file) == ".json"
                    ? Parse<string[]>(set, file, text)
                    : text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        }

        if (templates.Count == 0)
        {
            templates = [Default];
        }

        if (templates.FirstOrDefault(template => !HasPlace(template)) is { } without)
        {
            throw SetError.Of(set.Name, NoPlace(without));
        }

        return [.. classes.Names.Select(name => templates.Select(template => Fill(template, name)).ToList())];
    }

    /// <summary>True if a template has a place for the class name.</summary>
    public static bool HasPlace(string template) =>
        template.Contains("{}", StringComparison.Ordinal) || template.Contains("{c}", StringComparison.Ordinal);

    /// <summary>The error of a template without one.</summary>
    public static string NoPlace(string template) => $"the template '{template}' has no {{}} for the class name.";

    /// <summary>Fills in a class name. The placeholder is {} in open_clip and the paper, {c} in CLIP_benchmark.</summary>
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
            return JsonSerializer.Deserialize<T>(text) ?? throw new JsonException("the file is null");
        }
        catch (JsonException e)
        {
            throw SetError.Of(
                set.Name,
                $"templates_file {file} is neither a JSON list of templates nor an object with a list per class: {e.Message}"
            );
        }
    }
}
