// Per-operator overhead from C# beside PyTorch from Python, on one core: both run the same loops over one-element tensors
// in turns, and count their own processor time, so that what else the machine does disturbs little. Prints medians in
// nanoseconds and their ratio.
//   dotnet run -c Release --project bench/Torch [REPEATS]
using ClipTrain.Torch.Operators;
using System.Diagnostics;
using System.Globalization;
using static TorchSharp.torch;

int repeats = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 15;
const int Count = 20_000;
TimeSpan warmUp = TimeSpan.FromSeconds(1.5); // until the compiler's tiers have settled

Threads.Set(1);
using DisposeScope scope = NewDisposeScope();
Tensor a = ones(1);
Tensor b = ones(1);
Tensor g = ones([1], requires_grad: true);
Tensor target = ones(1);
Tensor m = ones([2, 3]);

// Each call's tensors are released after it, as Python's are.
(string Name, Action Call, bool Grad)[] cases =
[
    ("add", () => a.add(b).Dispose(), false),
    ("add_recorded", () => g.add(b).Dispose(), true),
    ("add_in_place", () => target.add_(b), false),
    ("reshape", () => m.reshape(3, 2).Dispose(), false),
    ("forward_backward", ForwardBackward, true),
];

using Process python = StartPython();
Console.WriteLine($"libtorch {version}, {repeats} repeats of {Count} calls, ns of processor time a call");
Console.WriteLine($"{"",-18}{"C#",10}{"Python",10}{"C#/Python",12}");
foreach ((string name, Action call, bool grad) in cases)
{
    using GradModeGuard guard = grad ? enable_grad() : no_grad();
    var ours = new double[repeats];
    var theirs = new double[repeats];
    MeasurePython(name);
    for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < warmUp;)
    {
        Measure(call);
    }

    for (int i = 0; i < repeats; i++)
    {
        ours[i] = Measure(call);
        theirs[i] = MeasurePython(name);
    }

    double o = Median(ours);
    double t = Median(theirs);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-18}{o,10:F0}{t,10:F0}{o / t,12:F2}"));
}

python.StandardInput.Close();
python.WaitForExit();

void ForwardBackward()
{
    using DisposeScope step = NewDisposeScope();
    g.mul(b).add(b).backward();
}

static double Measure(Action call)
{
    TimeSpan start = Environment.CpuUsage.TotalTime;
    for (int i = 0; i < Count; i++)
    {
        call();
    }

    return (Environment.CpuUsage.TotalTime - start).TotalNanoseconds / Count;
}

double MeasurePython(string name)
{
    python.StandardInput.WriteLine($"{name} {Count}");
    python.StandardInput.Flush();
    return double.Parse(python.StandardOutput.ReadLine()!, CultureInfo.InvariantCulture);
}

static double Median(double[] values)
{
    Array.Sort(values);
    return values[values.Length / 2];
}

static Process StartPython()
{
    var start = new ProcessStartInfo("/usr/bin/python3", [Path.Combine(AppContext.BaseDirectory, "overhead.py")])
    {
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        UseShellExecute = false,
    };
    start.Environment["OMP_NUM_THREADS"] = "1";
    return Process.Start(start)!;
}
