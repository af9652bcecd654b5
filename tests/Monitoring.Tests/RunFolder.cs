using System.Globalization;
using System.Text;

namespace ClipTrain.Monitoring.Tests;

/// <summary>A run's directory with known metrics: loss 10 / step, two seconds per step.</summary>
internal sealed class RunFolder : IDisposable
{
    private readonly DirectoryInfo _parent = System.IO.Directory.CreateTempSubdirectory("cliptrain-monitoring-");

    public RunFolder(string name = "run")
    {
        Directory = System.IO.Directory.CreateDirectory(Path.Combine(_parent.FullName, name)).FullName;
        File.WriteAllText(Path.Combine(Directory, "config.yaml"), "name: run\ntraining: { steps: 100 }\n");
    }

    public string Directory { get; }

    public string Metrics => Path.Combine(Directory, "metrics.jsonl");

    public static double Loss(long step) => 10.0 / step;

    public static string Line(long step, string? loss = null) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{{\"step\":{step},\"samples\":{8 * step},\"loss\":{loss ?? Loss(step).ToString("R", CultureInfo.InvariantCulture)},"
                + $"\"step_seconds\":2,\"objective\":\"contrastive\",\"loader\":{{\"read\":{{\"busy\":0.5}}}}}}\n"
        );

    public void Append(long from, long to)
    {
        var text = new StringBuilder();
        for (var step = from; step <= to; step++)
        {
            text.Append(Line(step));
        }

        File.AppendAllText(Metrics, text.ToString());
    }

    public void Log(string level, string text) =>
        File.AppendAllText(Path.Combine(Directory, "run.log"), $"2026-11-27 10:00:00.000 +00:00 {level} {text}\n");

    public void Dispose() => _parent.Delete(recursive: true);
}
