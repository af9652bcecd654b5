using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ClipTrain.Bench.Moments;
using ClipTrain.Trainer.Options;

// Trains a run file with each type of moments and several seeds; prints held-out losses, their means and the spread over seeds.
var runFile = new Option<string>("--run") { DefaultValueFactory = _ => "configs/quickstart.yaml", Description = "Run file." };
var program = new Option<string>("--program") { DefaultValueFactory = _ => "./cliptrain", Description = "Program that trains." };
var split = new Option<string>("--split")
{
    DefaultValueFactory = _ => "heldout-vendor",
    Description = "One of the run file's retrieval splits.",
};
var seeds = new Option<int[]>("--seeds") { DefaultValueFactory = _ => [1, 2, 3], AllowMultipleArgumentsPerToken = true };
var sets = new Option<string[]>("--set")
{
    DefaultValueFactory = _ => [],
    AllowMultipleArgumentsPerToken = true,
    Description = "Option for every run, e.g. training.steps=100. Repeatable.",
};
var root = new RootCommand("Measure the held-out loss with moments in fp32, bf16 and int8.") { runFile, program, split, seeds, sets };
root.SetAction(parsed =>
{
    var table = new Dictionary<MomentType, double[]>();
    foreach (var moments in Enum.GetValues<MomentType>())
    {
        table[moments] =
        [
            .. parsed
                .GetRequiredValue(seeds)
                .Select(seed =>
                    Train(
                        parsed.GetRequiredValue(program),
                        parsed.GetRequiredValue(runFile),
                        moments,
                        seed,
                        parsed.GetRequiredValue(sets),
                        parsed.GetRequiredValue(split)
                    )
                ),
        ];
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Cell.Left(moments, 5)} "
                    + $"{string.Join(' ', table[moments].Select(loss => loss.ToString("F4", CultureInfo.InvariantCulture)))}  "
                    + $"mean {table[moments].Average():F4}  spread {table[moments].Max() - table[moments].Min():F4}"
            )
        );
    }

    var fp32 = table[MomentType.Fp32];
    foreach (var moments in new[] { MomentType.Bf16, MomentType.Int8 })
    {
        var difference = table[moments].Average() - fp32.Average();
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{moments}: {difference:+0.0000;-0.0000} compared with fp32, "
                    + $"{(Math.Abs(difference) <= fp32.Max() - fp32.Min() ? "within" : "outside")} the spread of its seeds"
            )
        );
    }
});
return root.Parse(args).Invoke();

// Trains a run, unless it has already finished, and returns its held-out loss.
static double Train(string program, string runFile, MomentType moments, int seed, string[] sets, string split)
{
    var name = $"moments-{JsonNamingPolicy.SnakeCaseLower.ConvertName(moments.ToString())}-{seed}";
    var folder = Path.Combine("runs", name);
    if (!File.Exists(Path.Combine(folder, "summary.json")))
    {
        string[] all =
        [
            $"name={name}",
            $"seed={seed}",
            $"training.moments={JsonNamingPolicy.SnakeCaseLower.ConvertName(moments.ToString())}",
            .. sets,
        ];
        using var process = Process.Start(
            new ProcessStartInfo(program, ["train", runFile, .. all.SelectMany(set => new[] { "--set", set })])
            {
                RedirectStandardOutput = true,
                UseShellExecute = false,
            }
        )!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{name} exited with code {process.ExitCode}:\n{output}");
        }
    }

    return HeldOutLoss.Of(folder, split);
}
