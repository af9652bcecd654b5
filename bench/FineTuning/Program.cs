// CPU time of a step with locked towers, and of an update with stochastic rounding. Variants are measured in turn in one run; the
// results are medians, and ratios to a full step or a plain update.
//   dotnet run -c Release --project bench/FineTuning [MODEL] [BATCH] [ROUNDS]
using System.Globalization;
using ClipTrain.Torch.Kernels;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using ClipTrain.Trainer.State;
using TorchSharp;
using static TorchSharp.torch;

var model = RunConfig.LoadModel(args.Length > 0 ? args[0] : "ViT-B-32");
var batch = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 16;
var rounds = args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : 5;
Threads.Set(1);

var (image, text) = (TowerGroups.Count(model, Tower.Image), TowerGroups.Count(model, Tower.Text));
(string Name, UnlockedGroupsOptions Unlocked)[] cases =
[
    ("nothing locked", new UnlockedGroupsOptions()),
    ("half of both towers", new UnlockedGroupsOptions { Image = image / 2, Text = text / 2 }),
    ("text tower", new UnlockedGroupsOptions { Text = 0 }),
    ("image tower (LiT)", new UnlockedGroupsOptions { Image = 0 }),
];
var states = cases.Select(each => new TrainingState(Run(each.Unlocked))).ToArray();
var seconds = new double[cases.Length][];
var pairs = new TrainingBatch(
    randn([batch, 3, model.Image.Size, model.Image.Size]),
    ones([batch, model.Text.Context], int64),
    full([batch], model.Text.Context - 1, int64),
    null,
    []
);
for (var at = 0; at < cases.Length; at++)
{
    seconds[at] = new double[rounds];
}

for (var round = -1; round < rounds; round++)
{
    for (var at = 0; at < cases.Length; at++)
    {
        using var step = new TrainingStep(
            states[at],
            Run(cases[at].Unlocked).Training,
            new RankGroup(),
            new LearningRateSchedule(1e-4, 10, 100)
        );
        var used = Seconds(() => step.Take(pairs, [batch]));
        if (round >= 0)
        {
            seconds[at][round] = used;
        }
    }
}

Console.WriteLine($"batch {batch}, fp32, one thread, {rounds} rounds: median CPU seconds per step, gradients and moments");
foreach (var ((name, _), (state, used)) in cases.Zip(states.Zip(seconds)))
{
    var bytes = 4 * (state.Model.Parameters.Gradients.numel() + (2 * state.Optimizer.Moments.First.Values.numel()));
    Console.WriteLine(
        string.Create(
            CultureInfo.InvariantCulture,
            $"{Cell.Left(name, 22)}{Cell.Right(Median(used), 8, "F3")} s {Cell.Right(Median(used) / Median(seconds[0]), 6, "F2")} "
                + $"{Cell.Right(bytes / 1e6, 8, "F0")} MB"
        )
    );
}

const long Elements = 1 << 24;
torch.Tensor[] buffers = [.. Enumerable.Range(0, 4).Select(_ => full([Elements], 0.01, float32))];
using var compute = zeros([Elements], bfloat16);
var (plain, rounded) = (new double[rounds], new double[rounds]);
for (var round = -1; round < rounds; round++)
{
    var (without, with) = (Seconds(() => Update(null)), Seconds(() => Update(new StochasticRounding(1, 0))));
    if (round >= 0)
    {
        (plain[round], rounded[round]) = (without, with);
    }
}

Console.WriteLine(
    string.Create(
        CultureInfo.InvariantCulture,
        $"update of 2^24 weights with a bf16 copy: {Median(plain) * 1e3:F1} ms, rounded stochastically {Median(rounded) * 1e3:F1} ms, "
            + $"ratio {Median(rounded) / Median(plain):F2}"
    )
);

RunOptions Run(UnlockedGroupsOptions unlocked) =>
    new()
    {
        Model = model,
        Data = new DataOptions { Train = ["unused"] },
        Training = new TrainingOptions
        {
            GlobalBatch = batch,
            Steps = 100,
            UnlockedGroups = unlocked,
        },
    };

void Update(StochasticRounding? rounding) =>
    AdamWKernel.Apply(
        new AdamWBuffers(
            buffers[0],
            buffers[1],
            new MomentBuffer(buffers[2], Scales: null, IsSquares: false),
            new MomentBuffer(buffers[3], Scales: null, IsSquares: true),
            compute
        ),
        new AdamWStep(1, 1e-4, 0.9, 0.98, 1e-6, 0.2, 1),
        new AdamWRounding(rounding, default)
    );

static double Seconds(Action work)
{
    var before = Environment.CpuUsage.TotalTime;
    work();
    return (Environment.CpuUsage.TotalTime - before).TotalSeconds;
}

static double Median(double[] values)
{
    var sorted = values.Order().ToArray();
    return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
}
