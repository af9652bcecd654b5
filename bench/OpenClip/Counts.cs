using System.Text.Json;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Statistics;

namespace ClipTrain.Bench.OpenClip;

/// <summary>
/// A model evaluated by open_clip's own code and by <c>cliptrain eval --suite</c> on the same images: how many answers are right.
/// </summary>
internal sealed class Counts : IDisposable
{
    private static readonly string[] s_templates = ["{}", "a {}", "a photo of a {}."];

    /// <summary>Name of a count in open_clip_peer.py's output, and of the figure in results.json.</summary>
    private static readonly (string Name, string Task, string Metric)[] s_compared =
    [
        ("zero-shot top-1", "zero_shot", "top1"),
        ("zero-shot top-5", "zero_shot", "top5"),
        .. new[] { "image_to_text", "text_to_image" }.SelectMany(way =>
            new[] { 1, 5, 10 }.Select(k => ($"{way} R@{k}", $"retrieval {way}", $"r{k}"))
        ),
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-counts-").FullName;
    private readonly string _program,
        _model;

    /// <param name="program">Path of cliptrain.</param>
    /// <param name="model">A model in any form that it exports.</param>
    public Counts(string program, string model)
    {
        (_program, _model) = (program, PathOf("model"));
        Script.ClipTrain(program, "export", model, "--format", "open-clip", "-o", _model);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Compares both on the first labelled images of a Parquet file. Returns the exit code.</summary>
    public int Compare(string corpus, int images)
    {
        WriteImages(corpus, images);
        File.WriteAllText(PathOf("templates.json"), JsonSerializer.Serialize(s_templates));
        var versions = Script.OpenClip("evaluate", _model, PathOf("set.csv"), PathOf("templates.json"), PathOf("theirs.json"));
        var theirs = JsonSerializer.Deserialize<Dictionary<string, long>>(File.ReadAllText(PathOf("theirs.json")))!;
        var ours = Evaluate();
        var different = 0;
        Console.WriteLine(
            $"{Cell.Left("right answers", 20)} {Cell.Right("open_clip", 10)} {Cell.Right("cliptrain", 10)} {Cell.Right("of", 6)}"
        );
        foreach (var (name, task, metric) in s_compared)
        {
            var row = ours.Single(row => row.Task == task && row.Metric == metric);
            var count = (long)Math.Round(row.Value * row.N);
            different += count == theirs[name] ? 0 : 1;
            Console.WriteLine(
                $"{Cell.Left(name, 20)} {Cell.Right(theirs[name], 10)} {Cell.Right(count, 10)} {Cell.Right(row.N, 6)}"
                    + (count == theirs[name] ? "" : "  DIFFERENT")
            );
        }

        Console.WriteLine($"open_clip and PyTorch {versions}: {(different == 0 ? "all equal" : $"{different} differ")}");
        return different == 0 ? 0 : 1;
    }

    /// <summary>Writes image files and a table of them. Captions are distinct, because open_clip's recall counts one image a caption.</summary>
    private void WriteImages(string corpus, int images)
    {
        var captions = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        using var table = new StreamWriter(PathOf("set.csv"));
        table.WriteLine("path,label,caption");
        foreach (
            var row in ImageSets
                .Open(new SetOptions { Name = corpus, Data = [corpus] }, [corpus], new DefaultColumns())
                .Rows()
                // Debian has no ftfy, which mends other captions. The table's reader does without quotes.
                .Where(row =>
                    row is { Label: not null, Captions: [var caption, ..] } && caption.All(char.IsAscii) && !caption.Contains('"')
                )
                .Where(row => captions.Add(row.Captions[0]))
                .Take(images)
        )
        {
            var file = $"{captions.Count:D5}.png";
            File.WriteAllBytes(PathOf(file), row.Image);
            table.WriteLine($"{file},\"{row.Label}\",\"{row.Captions[0]}\"");
        }
    }

    private List<ResultRow> Evaluate()
    {
        File.WriteAllText(
            PathOf("suite.yaml"),
            JsonSerializer.Serialize(
                new
                {
                    cache = (string?)null,
                    sets = new[]
                    {
                        new
                        {
                            name = "images",
                            data = new[] { PathOf("set.csv") },
                            templates = s_templates,
                        },
                    },
                }
            )
        );
        Script.ClipTrain(_program, "eval", _model, "--suite", PathOf("suite.yaml"), "-o", PathOf("ours"));
        return JsonSerializer.Deserialize<List<ResultRow>>(File.ReadAllText(PathOf("ours/results.json")), JsonSerializerOptions.Web)!;
    }

    private string PathOf(string name) => Path.Combine(_folder, name);
}
