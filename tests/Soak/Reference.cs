using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Weights.Safetensors;

namespace ClipTrain.Soak;

/// <summary>A run of the same configuration without faults, and the comparison of the faulted run with it.</summary>
internal sealed class Reference(TinyRun run, SoakOptions options, Violations violations, TimeProvider time)
{
    private const string RunName = "reference";
    private const double Tolerance = 1e-3;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15),
        EndLimit = TimeSpan.FromMinutes(2);
    private const long Stretch = 200;

    /// <summary>Trains without faults for as many steps as the faulted run has committed, and compares all of them.</summary>
    public async Task CompareAsync(StepHistory disturbed)
    {
        var history = new StepHistory(new HistoryRules(TinyRun.GlobalBatch, IsBitwise: true, _ => false, _ => 0));
        await TrainAsync(history, disturbed.Step);
        for (long step = 1; step <= disturbed.Step; step++)
        {
            if (!IsSame(disturbed.Loss(step), history.Loss(step)))
            {
                violations.Add($"step {step} has loss {disturbed.Loss(step):R}; without faults it is {history.Loss(step):R}");
                return;
            }
        }

        var common = run.Checkpoints(Fleet.RunName, DateTimeOffset.MaxValue)
            .Intersect(run.Checkpoints(RunName, DateTimeOffset.MaxValue))
            .DefaultIfEmpty(-1)
            .Max();
        if (common < 0)
        {
            violations.Add("the two runs have no checkpoint at the same step");
        }
        else
        {
            CompareCheckpoints(common);
        }
    }

    private async Task TrainAsync(StepHistory history, long steps)
    {
        using var ledger = new LedgerTail(run.Files(RunName).Ledger, history, violations);
        int? exit = null;
        // The run without faults keeps every checkpoint that the other may end with.
        var arguments = run.Configuration(RunName, options, keptCheckpoints: 1_000_000);
        await using var process = new Supervised(
            RunName,
            () => run.Program([], ["train", .. arguments]),
            code => exit = code,
            run.Log(RunName),
            time
        );
        process.Start();
        process.Retire();
        long reached = 0;
        while (reached < steps)
        {
            reached = Math.Min(steps, reached + Stretch);
            var next = reached;
            await ledger.Until(seen => seen.Step >= next, Patience);
        }

        process.Signal(Posix.Terminate);
        await process.EndAsync(EndLimit);
        if (exit != 143)
        {
            violations.Add($"the run without faults exited with code {exit}, not 143");
        }

        ledger.Drain(_ => true);
    }

    private bool IsSame(double one, double other) =>
        options.IsElastic ? Math.Abs(one - other) <= Tolerance * Math.Abs(other) : one.Equals(other);

    private void CompareCheckpoints(long step)
    {
        foreach (var file in new[] { "model.safetensors", "optimizer.safetensors" })
        {
            var (one, other) = (PathOf(Fleet.RunName, step, file), PathOf(RunName, step, file));
            if (!options.IsElastic && !File.ReadAllBytes(one).AsSpan().SequenceEqual(File.ReadAllBytes(other)))
            {
                violations.Add($"{file} of step {step} differs from that of the run without faults");
            }

            if (options.IsElastic && file == "model.safetensors" && RelativeDistance(one, other) is var distance and > Tolerance)
            {
                violations.Add($"{file} of step {step} differs from that of the run without faults by {distance:G3} of its norm");
            }
        }
    }

    private string PathOf(string name, long step, string file) =>
        Path.Combine(new CheckpointDirectory(run.Files(name).Checkpoints).PathOf(step), file);

    /// <summary>Norm of the difference of all parameters, relative to their norm.</summary>
    private static double RelativeDistance(string one, string other)
    {
        using var a = new SafetensorsFile(one);
        using var b = new SafetensorsFile(other);
        double difference = 0,
            length = 0;
        foreach (var (name, entry) in a.Entries)
        {
            var (x, y) = (new float[(entry.End - entry.Start) / sizeof(float)], new float[(entry.End - entry.Start) / sizeof(float)]);
            a.Read(name, x);
            b.Read(name, y);
            for (var i = 0; i < x.Length; i++)
            {
                difference += (x[i] - y[i]) * (double)(x[i] - y[i]);
                length += y[i] * (double)y[i];
            }
        }

        return Math.Sqrt(difference / length);
    }
}
