using System.Diagnostics;
using System.Globalization;
using ClipTrain.Bench.Parquet;
using ClipTrain.DataPipeline.Corpus;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
switch (args)
{
    case ["files", var folder]:
        Directory.CreateDirectory(folder);
        TestFiles.Write(Path.Combine(folder, "flat.parquet"), 20_000, 250, 23_000, isStruct: false);
        TestFiles.Write(Path.Combine(folder, "struct.parquet"), 20_000, 100, 23_000, isStruct: true);
        TestFiles.Write(Path.Combine(folder, "groups.parquet"), 100_000, 10, 1_000, isStruct: false);
        TestFiles.Write(Path.Combine(folder, "large.parquet"), 100_000, 100_000, 24_000, isStruct: false);
        for (var i = 0; i < 100; i++)
        {
            TestFiles.Write(Path.Combine(folder, "many", $"{i:D3}.parquet"), 1_000, 100, 100, isStruct: true);
        }

        return 0;
    case ["rate", var file]:
        Rate(file);
        return 0;
    case ["one", var file]:
        One(file);
        return 0;
    case ["footers", var folder]:
        Footers(folder);
        return 0;
    default:
        Console.Error.WriteLine("Give files FOLDER, rate FILE, one FILE or footers FOLDER.");
        return 2;
}

static void Rate(string file)
{
    using var reader = new OwnReader(file);
    var groups = CorpusManifest.Create([file]).RowGroupRows.Count;
    Pass();
    var (cpu, bytes) = (Environment.CpuUsage.TotalTime, Pass());
    Console.WriteLine($"{bytes / 1e6 / (Environment.CpuUsage.TotalTime - cpu).TotalSeconds:F0} MB per CPU second; peak {Peak()} MiB");

    long Pass() => Enumerable.Range(0, groups).Sum(reader.Read);
}

static void One(string file)
{
    var opened = Stopwatch.GetTimestamp();
    using var reader = new OwnReader(file);
    Console.WriteLine($"open: {Stopwatch.GetElapsedTime(opened).TotalMilliseconds:F1} ms");
    var groups = CorpusManifest.Create([file]).RowGroupRows.Count;
    var times = new List<double>();
    for (var i = 0; i < 21; i++)
    {
        var started = Stopwatch.GetTimestamp();
        reader.Read((groups / 2) + i);
        times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
    }

    times.Sort();
    Console.WriteLine(
        $"one of {groups} groups: first to last {times[0]:F2} to {times[^1]:F2} ms, median {times[10]:F2}; peak {Peak()} MiB"
    );
}

static void Footers(string folder)
{
    CorpusManifest.Create([folder]);
    var started = Stopwatch.GetTimestamp();
    var files = CorpusManifest.Create([folder]).Files.Count;
    Console.WriteLine($"{files} footers: {Stopwatch.GetElapsedTime(started).TotalMilliseconds:F0} ms");
}

static long Peak()
{
    using var process = Process.GetCurrentProcess();
    return process.PeakWorkingSet64 >> 20;
}
