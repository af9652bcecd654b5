using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using ClipTrain.Bench;
using ClipTrain.Torch.Collectives;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

// Sums of float32 over processes of this machine: ClipTrain's Gloo against c10d's of PyTorch, in turns.
//   bench/Collectives/bin/Release/net10.0/ClipTrain.Bench.Collectives [--mib 4 64] [--ranks 2] [--rounds 7]
const int Warmup = 5;
var sizes = new Option<int[]>("--mib")
{
    DefaultValueFactory = _ => [4, 64],
    AllowMultipleArgumentsPerToken = true,
    Description = "Sizes of the tensor in MiB.",
};
var ranks = new Option<int>("--ranks") { DefaultValueFactory = _ => 2, Description = "Number of processes." };
var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 7, Description = "Turns of each side." };
var root = new RootCommand("Compare the all-reduce with PyTorch's.") { sizes, ranks, rounds, Rank() };
root.SetAction(parsed => Compare(parsed.GetValue(sizes)!, parsed.GetValue(ranks), parsed.GetValue(rounds)));
return root.Parse(args).Invoke();

static void Compare(int[] sizes, int ranks, int rounds)
{
    Console.WriteLine("  MiB  milliseconds  c10d  ratio  CPU milliseconds  c10d  ratio");
    string[] ours = [Environment.ProcessPath!, "rank"],
        peer = ["/usr/bin/python3", Path.Combine(AppContext.BaseDirectory, "collectives_peer.py")];
    foreach (var mib in sizes)
    {
        List<(double Wall, double Cpu)> mine = [],
            theirs = [];
        for (var round = 0; round < rounds; round++)
        {
            mine.Add(Turn(ours, ranks, mib));
            theirs.Add(Turn(peer, ranks, mib));
        }

        var (wall, cpu) = (Median(mine.Select(turn => turn.Wall)), Median(mine.Select(turn => turn.Cpu)));
        var (peerWall, peerCpu) = (Median(theirs.Select(turn => turn.Wall)), Median(theirs.Select(turn => turn.Cpu)));
        Console.WriteLine(
            $"{Cell.Right(mib, 5)}{Cell.Right(wall, 14, "F2")}{Cell.Right(peerWall, 6, "F2")}{Cell.Right(wall / peerWall, 7, "F2")}"
                + $"{Cell.Right(cpu, 18, "F2")}{Cell.Right(peerCpu, 6, "F2")}{Cell.Right(cpu / peerCpu, 7, "F2")}"
        );
    }
}

// One side's median milliseconds of a sum, on the slowest rank, and their median CPU milliseconds, averaged over the ranks.
static (double Wall, double Cpu) Turn(string[] program, int ranks, int mib)
{
    var meeting = Directory.CreateTempSubdirectory("cliptrain-bench");
    var times = Warmup + (mib >= 32 ? 20 : 100);
    Process[] processes =
    [
        .. Enumerable
            .Range(0, ranks)
            .Select(rank =>
                Process.Start(
                    new ProcessStartInfo(program[0], [.. program[1..], $"{rank}", $"{ranks}", meeting.FullName, $"{mib}", $"{times}"])
                    {
                        RedirectStandardOutput = true,
                        UseShellExecute = false,
                    }
                )!
            ),
    ];
    var lines = processes.Select(process => process.StandardOutput.ReadToEnd()).ToArray();
    foreach (var process in processes)
    {
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program[0]} exited with code {process.ExitCode}.");
        }

        process.Dispose();
    }

    meeting.Delete(recursive: true);
    var timings = lines
        .Select(text =>
            text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Skip(Warmup)
                .Select(line => line.Split(' ').Select(field => double.Parse(field, CultureInfo.InvariantCulture)).ToArray())
                .ToArray()
        )
        .ToArray();
    return (
        1000 * timings.Max(rank => Median(rank.Select(sum => sum[0]))),
        1000 * timings.Average(rank => Median(rank.Select(sum => sum[1])))
    );
}

static double Median(IEnumerable<double> values)
{
    var sorted = values.Order().ToArray();
    return sorted[sorted.Length / 2];
}

// One rank of ClipTrain's side.
static Command Rank()
{
    var place = new Argument<string[]>("rank, ranks, folder, MiB, times") { Arity = new ArgumentArity(5, 5) };
    var command = new Command("rank", "One process of a turn.") { place };
    command.Hidden = true;
    command.SetAction(parsed =>
    {
        var arguments = parsed.GetValue(place)!;
        int Number(int index) => int.Parse(arguments[index], CultureInfo.InvariantCulture);
        Threads.Set(1);
        using var group = ProcessGroup.Gloo(new FolderStore(arguments[2]), Number(0), Number(1), "127.0.0.1", TimeSpan.FromMinutes(1));
        using var values = zeros(Number(3) << 18);
        using var start = zeros(1);
        for (var i = 0; i < Number(4); i++)
        {
            group.AllReduce(start).Wait();
            var (wall, cpu) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
            group.AllReduce(values).Wait();
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Stopwatch.GetElapsedTime(wall).TotalSeconds:F6} {(Environment.CpuUsage.TotalTime - cpu).TotalSeconds:F6}"
                )
            );
        }
    });
    return command;
}
