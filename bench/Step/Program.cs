using ClipTrain.Torch.Operators;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Optimization;
using ClipTrain.Trainer.Training;
using static TorchSharp.torch;

// A training step of ours and of a straightforward CLIP in PyTorch eager, in turns, in one run: medians and their ratio, a line
// for each model and precision.
var models = new Option<string[]>("--model") { DefaultValueFactory = _ => ["ViT-B-32"], Description = "Model files or names.", AllowMultipleArgumentsPerToken = true };
var precisions = new Option<Precision[]>("--precision") { DefaultValueFactory = _ => [Precision.Fp32], AllowMultipleArgumentsPerToken = true };
var layers = new Option<int>("--layers") { DefaultValueFactory = _ => int.MaxValue, Description = "Transformer blocks that are kept of each tower: what a block costs shows in a few, and a large model fits." };
var batch = new Option<int>("--batch") { DefaultValueFactory = _ => 32 };
var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 1 };
var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 3, Description = "Turns of each side." };
var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 2, Description = "Measured steps a turn, after one that warms up." };
var caption = new Option<int>("--caption-tokens") { DefaultValueFactory = _ => 0, Description = "Length of our captions; 0 fills the context. The peer always computes the whole context." };
var root = new RootCommand("Training step against PyTorch eager on the same libtorch.") { models, precisions, layers, batch, threads, rounds, steps, caption };
root.SetAction(parsed =>
{
    Threads.Set(parsed.GetValue(threads));
    Console.WriteLine($"batch {parsed.GetValue(batch)}, {parsed.GetValue(threads)} thread(s), {parsed.GetValue(rounds)} rounds of {parsed.GetValue(steps)} steps: medians, in seconds");
    Console.WriteLine($"{"step",-44} {"precision",-9} {"ours wall",9} {"CPU",8} {"peer wall",9} {"CPU",8} {"wall ratio",10} {"CPU ratio",9}");
    foreach (var model in parsed.GetRequiredValue(models))
    {
        foreach (var precision in parsed.GetRequiredValue(precisions))
            Bench(model, Cut(RunConfig.LoadModel(model), parsed.GetValue(layers)), precision, parsed.GetValue(batch), parsed.GetValue(threads), parsed.GetValue(rounds), parsed.GetValue(steps), parsed.GetValue(caption));
    }
});
return root.Parse(args).Invoke();

static ModelOptions Cut(ModelOptions model, int layers) => model with
{
    Image = model.Image with { Layers = model.Image.Layers is { } all ? Math.Min(all, layers) : null },
    Text = model.Text with { Layers = Math.Min(model.Text.Layers, layers) },
};

static void Bench(string name, ModelOptions model, Precision precision, int batch, int threads, int rounds, int steps, int captionTokens)
{
    var options = new RunOptions
    {
        Model = model,
        Data = new DataOptions { Train = ["unused"] },
        Training = new TrainingOptions { GlobalBatch = batch, Steps = 1000, Precision = precision },
    };
    using var scope = NewDisposeScope();
    using var state = new TrainingState(options);
    using var generator = new Generator();
    generator.manual_seed(0);
    var (size, context) = (model.Image.Size, model.Text.Context);
    var end = (captionTokens == 0 ? context : captionTokens) - 1;
    var images = randn([batch, 3, size, size], generator: generator);
    var tokens = (rand([batch, context]) * (model.Text.Vocabulary - 1)).to(int64);
    var ends = full([batch], end, int64);
    var pairs = new TrainingBatch(images, tokens, ends, null, []);
    using var step = new TrainingStep(state, options.Training, new RankGroup(), new LearningRateSchedule(5e-4, 2000, 1000));
    List<(double Wall, double Cpu)> ours = [], peers = [];
    for (var round = 0; round < rounds; round++)
    {
        for (var i = 0; i <= steps; i++)
        {
            var (wall, cpu) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
            step.Take(pairs, [batch]);
            if (i > 0)
                ours.Add((Stopwatch.GetElapsedTime(wall).TotalSeconds, (Environment.CpuUsage.TotalTime - cpu).TotalSeconds));
        }

        peers.AddRange(Peer(model, precision, batch, threads, steps + 1).Skip(1));
    }

    var work = $"{Path.GetFileNameWithoutExtension(name)}, {Depth(model.Image)} + {model.Text.Layers} blocks, {end + 1} tokens";
    var (oursWall, oursCpu, peerWall, peerCpu) = (Median(ours, x => x.Wall), Median(ours, x => x.Cpu), Median(peers, x => x.Wall), Median(peers, x => x.Cpu));
    Console.WriteLine($"{work,-44} {precision,-9} {oursWall,9:F3} {oursCpu,8:F3} {peerWall,9:F3} {peerCpu,8:F3} {oursWall / peerWall,10:F3} {oursCpu / peerCpu,9:F3}");
}

static string Depth(ImageTowerOptions image) => image.Blocks is { } blocks ? string.Join('-', blocks) : $"{image.Layers}";

static double Median(List<(double Wall, double Cpu)> values, Func<(double Wall, double Cpu), double> select)
{
    var sorted = values.Select(select).Order().ToArray();
    return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
}

static IEnumerable<(double Wall, double Cpu)> Peer(ModelOptions model, Precision precision, int batch, int threads, int steps)
{
    var json = new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) } };
    var path = Path.Combine(Path.GetTempPath(), $"cliptrain-bench-{Environment.ProcessId}.json");
    File.WriteAllText(path, JsonSerializer.Serialize(model, json));
    string[] arguments = [Path.Combine(AppContext.BaseDirectory, "step_peer.py"), path, $"{batch}", $"{threads}", precision == Precision.Bf16 ? "bf16" : "fp32", $"{steps}"];
    using var process = Process.Start(new ProcessStartInfo("/usr/bin/python3", arguments) { RedirectStandardOutput = true, UseShellExecute = false })!;
    var lines = process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    process.WaitForExit();
    File.Delete(path);
    return process.ExitCode == 0
        ? lines.Select(line => line.Split(' ')).Select(fields => (double.Parse(fields[0], CultureInfo.InvariantCulture), double.Parse(fields[1], CultureInfo.InvariantCulture)))
        : throw new InvalidOperationException("The peer failed; scripts/setup --peers installs what it needs.");
}
