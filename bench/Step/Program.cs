using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using ClipTrain.Bench.Step;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;
using static TorchSharp.torch;

// A training step of ClipTrain, of a straightforward CLIP in PyTorch eager and of one in TorchSharp, measured in turn in one run.
// Prints medians and ClipTrain's ratio to each, one line per model and precision.
var models = new Option<string[]>("--model")
{
    DefaultValueFactory = _ => ["ViT-B-32"],
    Description = "Model files or names.",
    AllowMultipleArgumentsPerToken = true,
};
var precisions = new Option<Precision[]>("--precision")
{
    DefaultValueFactory = _ => [Precision.Fp32],
    AllowMultipleArgumentsPerToken = true,
};
var peers = new Option<Peer[]>("--peer")
{
    DefaultValueFactory = _ => Enum.GetValues<Peer>(),
    Description = "pytorch, torchsharp or both.",
    AllowMultipleArgumentsPerToken = true,
};
var layers = new Option<int>("--layers")
{
    DefaultValueFactory = _ => int.MaxValue,
    Description = "Number of transformer blocks to keep in each tower. A few show the cost of a block, and a large model fits.",
};
var batch = new Option<int>("--batch") { DefaultValueFactory = _ => 32 };
var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 1 };
var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 3, Description = "Number of turns of each side." };
var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 2, Description = "Measured steps per turn, after one for warm-up." };
var caption = new Option<int>("--caption-tokens")
{
    DefaultValueFactory = _ => 0,
    Description = "Length of ClipTrain's captions; 0 fills the context. The peers always compute the whole context.",
};
var root = new RootCommand("Compare the training step with straightforward ones in PyTorch eager and TorchSharp.")
{
    models,
    precisions,
    peers,
    layers,
    batch,
    threads,
    rounds,
    steps,
    caption,
};
root.SetAction(parsed =>
{
    Threads.Set(parsed.GetValue(threads));
    Console.WriteLine(
        $"batch {parsed.GetValue(batch)}, {parsed.GetValue(threads)} thread(s), {parsed.GetValue(rounds)} rounds of "
            + $"{parsed.GetValue(steps)} steps: medians, in seconds"
    );
    Console.WriteLine(
        $"{Cell.Left("step", 44)} {Cell.Left("precision", 9)} {Cell.Left("side", 10)} {Cell.Right("wall", 8)} {Cell.Right("CPU", 8)} "
            + $"{Cell.Right("ours/side wall", 14)} {Cell.Right("CPU", 6)}"
    );
    foreach (var model in parsed.GetRequiredValue(models))
    {
        foreach (var precision in parsed.GetRequiredValue(precisions))
        {
            var options = Cut(RunConfig.LoadModel(model), parsed.GetValue(layers));
            var tokens = parsed.GetValue(caption) is > 0 and var given ? given : options.Text.Context;
            var task = new StepTask(options, precision, parsed.GetValue(batch), parsed.GetValue(threads), tokens);
            Bench(
                Path.GetFileNameWithoutExtension(model),
                task,
                parsed.GetRequiredValue(peers),
                parsed.GetValue(rounds),
                parsed.GetValue(steps)
            );
        }
    }
});
return root.Parse(args).Invoke();

static ModelOptions Cut(ModelOptions model, int layers) =>
    model with
    {
        Image = model.Image with { Layers = model.Image.Layers is { } all ? Math.Min(all, layers) : null },
        Text = model.Text with { Layers = Math.Min(model.Text.Layers, layers) },
    };

static void Bench(string name, StepTask task, Peer[] peers, int rounds, int steps)
{
    // TorchSharp's peer is a ViT; Debian's PyTorch computes no fp16 on a CPU.
    var compared = peers
        .Where(peer => peer == Peer.TorchSharp ? task.Model.Image.Layers is not null : task.Precision != Precision.Fp16)
        .ToArray();
    using var scope = NewDisposeScope();
    (string Name, ISide Side, List<Seconds> Seconds)[] sides =
    [
        ("ours", new OurSide(task), []),
        .. compared.Select(peer =>
            (peer.ToString(), peer == Peer.PyTorch ? (ISide)new PyTorchSide(task) : new TorchSharpSide(task), new List<Seconds>())
        ),
    ];
    for (var round = 0; round < rounds; round++)
    {
        foreach (var (_, side, seconds) in sides)
        {
            seconds.AddRange(side.Take(steps + 1).Skip(1));
        }
    }

    var work = $"{name}, {Depth(task.Model.Image)} + {task.Model.Text.Layers} blocks, {task.CaptionTokens} tokens";
    var ours = Seconds.Median(sides[0].Seconds);
    foreach (var (sideName, side, all) in sides)
    {
        var median = Seconds.Median(all);
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Cell.Left(work, 44)} {Cell.Left(JsonNamingPolicy.SnakeCaseLower.ConvertName(task.Precision.ToString()), 9)} "
                    + $"{Cell.Left(sideName, 10)} {Cell.Right(median.Wall, 8, "F3")} {Cell.Right(median.Cpu, 8, "F3")} "
                    + $"{Cell.Right(ours.Wall / median.Wall, 14, "F3")} {Cell.Right(ours.Cpu / median.Cpu, 6, "F3")}"
            )
        );
        side.Dispose();
    }
}

static string Depth(ImageTowerOptions image) => image.Blocks is { } blocks ? string.Join('-', blocks) : $"{image.Layers}";
