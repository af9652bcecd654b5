using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using ClipTrain.Bench.Loading;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Interop;
using ClipTrain.Weights.Tensors;

// Seconds and peak memory of loading a random export into a model, compared with dd reading the same file, each in its own process.
var model = new Option<string>("--model") { DefaultValueFactory = _ => "ViT-L-14" };
var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 5 };
var folder = new Option<string>("--folder")
{
    DefaultValueFactory = _ => Path.Combine(Path.GetTempPath(), "cliptrain-bench-loading"),
    Description = "Folder for the generated files, a few gigabytes, which are kept.",
};
var root = new RootCommand("Measure the loading of weights.") { model, rounds, folder, Child() };
root.SetAction(parsed => Compare(parsed.GetRequiredValue(model), parsed.GetValue(rounds), parsed.GetRequiredValue(folder)));
return root.Parse(args).Invoke();

static Command Child()
{
    var path = new Argument<string>("FILE");
    var model = new Argument<string>("MODEL");
    var command = new Command("child") { path, model };
    command.Hidden = true;
    command.SetAction(parsed =>
    {
        var started = Stopwatch.GetTimestamp();
        var before = Status("VmHWM");
        using var opened = ModelFolder.Open(parsed.GetRequiredValue(path), parsed.GetRequiredValue(model));
        using var loaded = opened.Load();
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Stopwatch.GetElapsedTime(started).TotalSeconds} {before} {Status("VmHWM")} {Environment.CpuUsage.TotalTime.TotalSeconds}"
            )
        );
    });
    return command;
}

static void Compare(string name, int rounds, string folder)
{
    var options = RunConfig.LoadModel(name);
    var export = Path.Combine(folder, name);
    if (!Directory.Exists(export))
    {
        Directory.CreateDirectory(folder);
        new ModelExport(
            new OpenedModel(options, new RandomWeights(options), Preprocessing.Clip, Merges: null, Run: null),
            ExportFormat.OpenClip,
            NumberType.Float32
        ).Write(export);
        Run(
            "/usr/bin/python3",
            Path.Combine(AppContext.BaseDirectory, "make_bin.py"),
            Path.Combine(export, "open_clip_model.safetensors"),
            Path.Combine(export, "model.bin")
        );
    }

    Console.WriteLine("file         cache  dd s  load s  ratio  load CPU s  peak MB  peak over weights  of it before loading");
    foreach (var file in new[] { "open_clip_model.safetensors", "model.bin" })
    {
        var path = Path.Combine(export, file);
        foreach (var cold in new[] { true, false })
        {
            var (plain, loads) = (new List<double>(), new List<double[]>());
            for (var round = 0; round < rounds; round++)
            {
                Prepare(path, cold);
                var started = Stopwatch.GetTimestamp();
                Run("dd", $"if={path}", "of=/dev/null", "bs=16M", "status=none");
                plain.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
                Prepare(path, cold);
                loads.Add([
                    .. Run(Environment.ProcessPath!, "child", path, name)
                        .Split(' ')
                        .Select(text => double.Parse(text, CultureInfo.InvariantCulture)),
                ]);
            }

            double bytes = new FileInfo(path).Length;
            double OfLoads(int field) => Median(loads.Select(run => run[field]));
            var (dd, load, start, peak) = (Median(plain), OfLoads(0), OfLoads(1), OfLoads(2));
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Cell.Left(Path.GetExtension(file), 12)} {Cell.Right(cold ? "cold" : "warm", 5)} "
                        + $"{Cell.Right(dd, 5, "F2")} {Cell.Right(load, 7, "F2")} {Cell.Right(load / dd, 6, "F2")} "
                        + $"{Cell.Right(OfLoads(3), 11, "F2")} {Cell.Right(peak / 1e6, 8, "F0")} "
                        + $"{Cell.Right(peak / bytes, 18, "F3")} {Cell.Right(start / bytes, 21, "F3")}"
                )
            );
        }
    }
}

// Drops the file's pages from the cache, or reads them into it.
static void Prepare(string path, bool cold) =>
    Run(
        "dd",
        cold
            ? [$"of={path}", "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"]
            : [$"if={path}", "of=/dev/null", "bs=16M", "status=none"]
    );

static string Run(string program, params string[] arguments)
{
    using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, UseShellExecute = false })!;
    var output = process.StandardOutput.ReadToEnd();
    process.WaitForExit();
    return process.ExitCode == 0
        ? output
        : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} failed with {process.ExitCode}.");
}

static double Median(IEnumerable<double> values) => values.Order().ToArray() is var sorted ? sorted[sorted.Length / 2] : 0;

static long Status(string key) =>
    long.Parse(
        File.ReadLines("/proc/self/status")
            .First(line => line.StartsWith(key, StringComparison.Ordinal))
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture
    ) * 1024;
