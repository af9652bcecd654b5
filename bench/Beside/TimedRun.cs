using System.Diagnostics;
using System.Text.Json.Nodes;

namespace ClipTrain.Bench.Beside;

/// <summary>Throughput of a run.</summary>
/// <param name="ImagesPerSecond">Images a second from the first measured step to the last, from their times.</param>
/// <param name="EvaluationShare">Share of this time in which an evaluation ran.</param>
internal sealed record Throughput(double ImagesPerSecond, double EvaluationShare);

/// <summary>What a run has beside it.</summary>
internal enum Neighbour
{
    None,

    /// <summary>An evaluation of every 40th step, at low priority.</summary>
    Evaluations,

    /// <summary>A process of low priority that computes all the time without touching memory: what a busy core costs its neighbour.</summary>
    Loop,
}

/// <summary>Runs of a small model with one worker of one thread by <c>cliptrain train</c>.</summary>
internal sealed class TimedRun(string program, string demo, string folder)
{
    private const int Batch = 256,
        FirstStep = 40,
        Steps = 240,
        EverySteps = 40;

    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(50);

    private readonly string _runFile = WriteRun(demo, folder);

    /// <summary>Trains a run to its end.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="neighbour">What it has beside it. Checkpoints are written in every case.</param>
    public Throughput Train(string name, Neighbour neighbour)
    {
        var every = neighbour == Neighbour.Evaluations ? EverySteps : 0;
        string[] sets = [$"name={name}", $"output.directory={folder}", $"evaluation.every_steps={every}"];
        using var loop = neighbour == Neighbour.Loop ? Process.Start("nice", ["sh", "-c", "while :; do :; done"]) : null;
        using var process = Process.Start(
            new ProcessStartInfo(
                "dotnet",
                [Path.GetFullPath(program), "train", _runFile, .. sets.SelectMany(set => new[] { "--set", set })]
            )
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;
        var output = Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        var (looks, evaluating) = (0, 0);
        while (!process.WaitForExit(s_look))
        {
            var step = LastStep(name);
            if (step is >= FirstStep and < Steps)
            {
                looks++;
                evaluating += IsEvaluating() ? 1 : 0;
            }
        }

        loop?.Kill();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{name}: exit code {process.ExitCode}\n{string.Concat(output.Result)}");
        }

        var seconds = Metrics(name).Where(step => (long)step["step"]! > FirstStep).Sum(step => (double)step["step_seconds"]!);
        return new Throughput((Steps - FirstStep) * Batch / seconds, evaluating / Math.Max(1.0, looks));
    }

    private long LastStep(string name) => Metrics(name).Select(step => (long)step["step"]!).LastOrDefault();

    /// <summary>The whole lines of a run's metrics; the last one may be half written.</summary>
    private IEnumerable<JsonNode> Metrics(string name)
    {
        var path = Path.Combine(folder, name, "metrics.jsonl");
        return File.Exists(path) ? File.ReadAllText(path).Split('\n')[..^1].Select(line => JsonNode.Parse(line)!) : [];
    }

    private bool IsEvaluating() =>
        Directory
            .EnumerateDirectories("/proc")
            .Where(process => int.TryParse(Path.GetFileName(process), out _))
            .Select(process => ReadOrNothing(Path.Combine(process, "cmdline")).Split('\0'))
            .Any(arguments =>
                arguments.Contains("eval") && arguments.Any(argument => argument.StartsWith(folder, StringComparison.Ordinal))
            );

    private static string ReadOrNothing(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static string WriteRun(string demo, string folder)
    {
        var path = Path.Combine(folder, "run.yaml");
        File.WriteAllText(
            path,
            $$"""
            name: beside
            model:
              embed_dim: 256
              image: { size: 24, patch: 12, width: 192, layers: 3, heads: 3 }
              text: { context: 12, vocabulary: 2514, width: 128, layers: 2, heads: 2 }
            data:
              train: [{{Path.Combine(demo, "train.parquet")}}]
              merges: {{Path.Combine(demo, "emoji-merges.txt")}}
              threads: 1
            training: { global_batch: {{Batch}}, steps: {{Steps}}, learning_rate: 0.001, warmup_steps: 20, gradient_clip: 1 }
            checkpoint: { every_steps: {{EverySteps}} }
            cluster: { workers: 1, threads_per_worker: 1 }
            evaluation:
              probe_pairs: 0
              retrieval: [{ name: heldout-vendor, data: [{{Path.Combine(demo, "heldout-vendor.parquet")}}] }]
            output: { tensorboard: false, page: false }
            """
        );
        return path;
    }
}
