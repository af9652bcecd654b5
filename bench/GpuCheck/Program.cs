using System.CommandLine;
using System.Diagnostics;
using ClipTrain.Bench.GpuCheck;
using ClipTrain.Torch.Loading;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Weights.Tensors;
using static TorchSharp.torch;

// Checks of a device against the CPU: a table of what, expected, measured, ok.
var device = new Option<string>("--device")
{
    DefaultValueFactory = _ => "cuda",
    Description = "cuda, cuda:N, or cpu to try the checks without a GPU.",
};
var minutes = new Option<double>("--minutes")
{
    DefaultValueFactory = _ => 10,
    Description = "Checks that would begin later are left out.",
};
var python = new Option<string>("--python")
{
    DefaultValueFactory = _ => "python3",
    Description = "A Python with PyTorch for CUDA, for the comparison of speed.",
};
var root = new RootCommand("Checks ClipTrain on a GPU: what, expected, measured, ok.") { device, minutes, python };
root.SetAction(parsed =>
{
    try
    {
        var libraries = NativeTorch.Load();
        var machine = new Machine(ComputeDevice.Open(parsed.GetRequiredValue(device)), parsed.GetRequiredValue(python));
        return Run(machine, libraries, TimeSpan.FromMinutes(parsed.GetValue(minutes)));
    }
    catch (DllNotFoundException error)
    {
        Console.Error.WriteLine($"gpu-check: {error.Message}");
        return 3;
    }
});
return root.Parse(args).Invoke();

static int Run(Machine machine, LoadedTorch libraries, TimeSpan limit)
{
    // Single precision is that on both sides.
    backends.cuda.matmul.allow_tf32 = false;
    backends.cudnn.allow_tf32 = false;
    var started = Stopwatch.GetTimestamp();
    Console.WriteLine(
        $"libtorch {__version__} in {libraries.Folder}; "
            + (
                machine.IsGpu
                    ? $"{machine.Gpus} GPU(s), {machine.Name ?? "nvidia-smi is not there"}"
                    : "on the CPU: a trial of the checks, which says nothing of a GPU"
            )
    );
    Console.WriteLine(new CheckResult("what", "expected", "measured", null).ToString().TrimEnd('-') + "ok");
    (string Name, Func<IEnumerable<CheckResult>> Make)[] checks =
    [
        ("gradients", () => NumberChecks.Gradients(machine)),
        ("losses", () => [NumberChecks.Losses(machine)]),
        ("images as bytes", () => [NumberChecks.Bytes(machine)]),
        ("optimizer", () => NumberChecks.Optimizer(machine)),
        ("collectives of one rank", () => [CollectiveChecks.Alone(machine)]),
        ("collectives between ranks", () => CollectiveChecks.Between(machine)),
        ("attention", () => SpeedChecks.Attention(machine)),
        ("time of the optimizer", () => SpeedChecks.Optimizer(machine)),
        ("memory", () => SpeedChecks.Memory(machine)),
        ("steps", () => SpeedChecks.Steps(machine)),
    ];
    var wrong = 0;
    foreach (var (name, make) in checks)
    {
        foreach (
            var result in Stopwatch.GetElapsedTime(started) < limit ? Guarded(name, make) : [CheckResult.NotHere(name, "the time was over")]
        )
        {
            Console.WriteLine(result);
            wrong += result.Ok == false ? 1 : 0;
        }
    }

    Console.WriteLine(
        $"{(wrong == 0 ? "Nothing is wrong." : $"{wrong} are wrong.")} {Stopwatch.GetElapsedTime(started).TotalSeconds:F0} s. "
            + "What has '-' was measured alone, or could not be made here."
    );
    return wrong == 0 ? 0 : 1;
}

// A check that fails is a line of the table, and the others are made all the same.
static IEnumerable<CheckResult> Guarded(string name, Func<IEnumerable<CheckResult>> make)
{
    using var results = make().GetEnumerator();
    while (true)
    {
        CheckResult? next;
        try
        {
            next = results.MoveNext() ? results.Current : null;
        }
        catch (Exception error)
        {
            next = new CheckResult(name, "no error", $"{error.GetType().Name}: {error.Message.Split('\n')[0]}", false);
        }

        if (next is null)
            yield break;
        yield return next;
        if (next.Ok == false && next.Expected == "no error")
            yield break;
    }
}
