using System.CommandLine;
using ClipTrain.Bench.GpuCheck;
using ClipTrain.Torch.Loading;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Weights.Tensors;
using static TorchSharp.torch;

// Compares a device with the CPU and prints a table: check, expected, measured, ok.
var device = new Option<string>("--device")
{
    DefaultValueFactory = _ => "cuda",
    Description = "cuda, cuda:N, or cpu to try out the checks without a GPU.",
};
var minutes = new Option<double>("--minutes")
{
    DefaultValueFactory = _ => 10,
    Description = "Time limit in minutes; checks that would start later are skipped.",
};
var python = new Option<string>("--python")
{
    DefaultValueFactory = _ => "python3",
    Description = "Python with PyTorch for CUDA, for the speed comparison.",
};
var numbers = new Option<bool>("--numbers") { Description = "Only the checks of results, none of speed and memory." };
var root = new RootCommand("Check ClipTrain on a GPU; prints a table: check, expected, measured, ok.") { device, minutes, python, numbers };
root.SetAction(parsed =>
{
    try
    {
        var libraries = NativeTorch.Load();
        var machine = new Machine(
            ComputeDevice.Open(parsed.GetRequiredValue(device)),
            parsed.GetRequiredValue(python),
            TimeSpan.FromMinutes(parsed.GetValue(minutes))
        );
        return Run(machine, libraries, parsed.GetValue(numbers));
    }
    catch (DllNotFoundException error)
    {
        Console.Error.WriteLine($"gpu-check: {error.Message}");
        return 3;
    }
});
return root.Parse(args).Invoke();

static int Run(Machine machine, LoadedTorch libraries, bool onlyNumbers)
{
    Console.WriteLine(
        $"libtorch {libraries.Version} in {libraries.Folder}; "
            + (
                machine.IsGpu
                    ? $"{machine.Gpus} GPU(s), {machine.Name ?? "nvidia-smi is not installed"}"
                    : "on the CPU: this only tries out the checks and says nothing about a GPU"
            )
    );
    Console.WriteLine(new CheckResult("check", "expected", "measured", null).ToString().TrimEnd('-') + "ok");
    (string Name, Func<IEnumerable<CheckResult>> Make)[] results =
    [
        ("gradients", () => NumberChecks.Gradients(machine)),
        ("gradients twice", () => NumberChecks.Repeated(machine)),
        ("losses", () => [NumberChecks.Losses(machine)]),
        ("images as bytes", () => [NumberChecks.Bytes(machine)]),
        ("optimizer", () => NumberChecks.Optimizer(machine)),
        ("collectives of one rank", () => [CollectiveChecks.Alone(machine)]),
        ("collectives between ranks", () => CollectiveChecks.Between(machine)),
    ];
    (string Name, Func<IEnumerable<CheckResult>> Make)[] costs =
    [
        // First of those that take much memory: libtorch keeps what they free.
        ("memory", () => SpeedChecks.Memory(machine)),
        ("attention", () => SpeedChecks.Attention(machine)),
        ("time of the optimizer", () => SpeedChecks.Optimizer(machine)),
        ("steps", () => SpeedChecks.Steps(machine)),
    ];
    var wrong = 0;
    foreach (var (name, make) in onlyNumbers ? results : [.. results, .. costs])
    {
        foreach (var result in Guarded(name, make, machine))
        {
            Console.WriteLine(result);
            wrong += result.Ok == false ? 1 : 0;
        }
    }

    Console.WriteLine(
        $"{(wrong == 0 ? "No check failed." : $"{wrong} checks failed.")} {machine.Spent.TotalSeconds:F0} s. "
            + "Rows with '-' were only measured, or could not run here."
    );
    return wrong == 0 ? 0 : 1;
}

// A check that throws becomes a row of the table; the others still run. So does one that the time does not suffice for.
static IEnumerable<CheckResult> Guarded(string name, Func<IEnumerable<CheckResult>> make, Machine machine)
{
    using var results = Deferred(make).GetEnumerator();
    while (true)
    {
        if (machine.Left == TimeSpan.Zero)
        {
            yield return CheckResult.NotHere(name, "skipped: out of time");
            yield break;
        }

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
        {
            yield break;
        }

        yield return next;
        if (next.Ok == false && next.Expected == "no error")
        {
            yield break;
        }
    }
}

// Some checks are made whole when they are asked for, and may throw then.
static IEnumerable<CheckResult> Deferred(Func<IEnumerable<CheckResult>> make)
{
    foreach (var result in make())
    {
        yield return result;
    }
}
