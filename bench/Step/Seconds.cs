using System.Diagnostics;

namespace ClipTrain.Bench.Step;

/// <summary>Seconds of a step.</summary>
internal readonly record struct Seconds(double Wall, double Cpu)
{
    /// <summary>Times a step in this process.</summary>
    public static Seconds Of(Action step)
    {
        var (wall, cpu) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        step();
        return new Seconds(Stopwatch.GetElapsedTime(wall).TotalSeconds, (Environment.CpuUsage.TotalTime - cpu).TotalSeconds);
    }

    /// <summary>Medians of wall and CPU seconds.</summary>
    public static Seconds Median(IReadOnlyList<Seconds> values) =>
        new(Median(values.Select(value => value.Wall)), Median(values.Select(value => value.Cpu)));

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}

/// <summary>An implementation of the step to compare.</summary>
internal interface ISide : IDisposable
{
    /// <summary>Takes steps and returns the time of each.</summary>
    IEnumerable<Seconds> Take(int steps);
}

/// <summary>The implementations to compare with.</summary>
internal enum Peer
{
    PyTorch,
    TorchSharp,
}
