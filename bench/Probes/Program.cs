using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using ClipTrain.Bench.Probes;
using ClipTrain.Cli.Evaluation;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Probes;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Interop;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;
using Spectre.Console;

// Linear probes against scikit-learn, and the whole search at size.
//   dotnet run -c Release --project bench/Probes -- fashion FOLDER [PEERS]    FOLDER holds fashion-mnist-*.parquet (data demo --labelled),
//                                                                            PEERS the lines that sklearn_probe.py printed before
//   dotnet run -c Release --project bench/Probes -- features FOLDER MODEL     the same on features of a model's image tower
//   dotnet run -c Release --project bench/Probes -- search IMAGES FEATURES CLASSES
Threads.Set(Environment.ProcessorCount);
return args switch
{
    ["fashion", var folder] => Fashion(folder, Pixels, peers: null),
    ["fashion", var folder, var peers] => Fashion(folder, Pixels, peers),
    ["features", var folder, var model] => Features(folder, model),
    ["search", var images, var features, var classes] => Search(Number(images), Number(features), Number(classes)),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("fashion FOLDER [PEERS] | features FOLDER MODEL | search IMAGES FEATURES CLASSES");
    return 2;
}

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

static double CpuSeconds() => Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds;

static int Features(string folder, string path)
{
    using var opened = ModelFolder.Open(path);
    using var model = new EvaluatedClip(opened, path);
    return Fashion(folder, file => Embedded(file, model), peers: null);
}

static int Fashion(string folder, Func<string, (Matrix Features, int[] Labels)> read, string? peers)
{
    string[] strengths = ["0.0001", "0.001", "0.01", "0.1", "1"];
    var work = Directory.CreateTempSubdirectory("cliptrain-probes-").FullName;
    try
    {
        var (train, trainLabels) = read(Path.Combine(folder, "fashion-mnist-train.parquet"));
        var (test, testLabels) = read(Path.Combine(folder, "fashion-mnist-test.parquet"));
        Write(work, "train", train, trainLabels);
        Write(work, "test", test, testLabels);
        using var python = peers is null
            ? Process.Start(
                new ProcessStartInfo("/usr/bin/python3", [Path.Combine(AppContext.BaseDirectory, "sklearn_probe.py"), work, .. strengths])
                {
                    RedirectStandardOutput = true,
                    UseShellExecute = false,
                }
            )!
            : null;
        using var lines = python?.StandardOutput ?? File.OpenText(peers!);
        Console.WriteLine("C        objective ours / scikit-learn   accuracy            CPU s           passes / iterations");
        while (lines.ReadLine() is { } line)
        {
            var peer = JsonSerializer.Deserialize<Peer>(line, JsonSerializerOptions.Web)!;
            var c = peer.C;
            var start = CpuSeconds();
            // What is computed once for all C counts each time, as if C were the only one.
            using var alone = new LogisticRegression(train, trainLabels, 10);
            var fitted = alone.Fit(c, 1000, 1e-7);
            var seconds = CpuSeconds() - start;
            using var scores = LogisticRegression.Scores(fitted, test, 10);
            using var predicted = scores.argmax(1);
            var right = 0;
            for (var i = 0; i < testLabels.Length; i++)
            {
                right += predicted.AsSpan<long>()[i] == testLabels[i] ? 1 : 0;
            }

            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{c.ToString(CultureInfo.InvariantCulture).PadRight(8)} {fitted.Objective:0.######} / {peer.Objective:0.######} "
                        + $"({(fitted.Objective / peer.Objective) - 1:+0.0e+0;-0.0e+0})   {right / (double)testLabels.Length:0.0000} / "
                        + $"{peer.Accuracy:0.0000}   {seconds:0.0} / {peer.Seconds:0.0} ({seconds / peer.Seconds:0.00})   "
                        + $"{fitted.Evaluations} / {peer.Iterations}"
                )
            );
        }

        python?.WaitForExit();
        return python is null or { ExitCode: 0 } ? 0 : throw new InvalidOperationException("scikit-learn failed: install python3-sklearn.");
    }
    finally
    {
        Directory.Delete(work, recursive: true);
    }
}

static IImageSet Open(string file) => ImageSets.Open(new SetOptions { Name = file, Data = [file] }, [file], new DefaultColumns());

static (Matrix Features, int[] Labels) Pixels(string file)
{
    var rows = Open(file).Rows().ToList();
    var features = new Matrix(rows.Count, 784);
    for (var i = 0; i < rows.Count; i++)
    {
        using var image = Image.Load<L8>(rows[i].Image);
        for (var p = 0; p < 784; p++)
        {
            features.Row(i)[p] = image[p % 28, p / 28].PackedValue / 255f;
        }
    }

    return (features, [.. rows.Select(row => Number(row.Label!))]);
}

static (Matrix Features, int[] Labels) Embedded(string file, EvaluatedClip model)
{
    using var log = LogSetup.Create(AnsiConsole.Console);
    var embedded = SetEmbedding.Embed(model, file, Open(file), batch: 256, new SuiteProgress(log, TimeProvider.System));
    return (embedded.Features, [.. embedded.Images.Select(image => Number(image.Label!))]);
}

static void Write(string work, string part, Matrix features, int[] labels)
{
    File.WriteAllBytes(Path.Combine(work, $"{part}.features"), MemoryMarshal.AsBytes(features.Values).ToArray());
    File.WriteAllBytes(Path.Combine(work, $"{part}.labels"), MemoryMarshal.AsBytes<int>(labels).ToArray());
}

// Classes as normal clouds whose centres are nearer to each other than a cloud is wide.
static int Search(int images, int width, int classes)
{
    var random = new Random(1);
    var centres = new Matrix(classes, width);
    foreach (ref var value in centres.Values)
    {
        value = (float)((random.NextDouble() - 0.5) * 0.35);
    }

    (Matrix Features, int[] Labels) Draw(int count)
    {
        var (features, labels) = (new Matrix(count, width), new int[count]);
        for (var i = 0; i < count; i++)
        {
            labels[i] = i % classes;
            for (var j = 0; j < width; j++)
            {
                features.Row(i)[j] = centres.Row(labels[i])[j] + (float)(random.NextDouble() - 0.5);
            }
        }

        return (features, labels);
    }

    var (train, trainLabels) = Draw(images * 9 / 10);
    var (validation, validationLabels) = Draw(images - (images * 9 / 10));
    var data = new ProbeData(
        new ProbeImages(train, train, trainLabels),
        new ProbeImages(validation, validation, validationLabels),
        new ProbeImages(validation, validation, validationLabels),
        classes,
        0
    );
    var (watch, cpu) = (Stopwatch.StartNew(), CpuSeconds());
    var result = LinearProbe.Run("synthetic", new ProbeOptions(), data);
    Console.WriteLine(
        string.Create(
            CultureInfo.InvariantCulture,
            $"{images} x {width}, {classes} classes: {watch.Elapsed.TotalSeconds:0} s, {CpuSeconds() - cpu:0} CPU s, peak "
                + $"{Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MiB, best C {result.C:0.###e0} of {result.Tried.Count}"
        )
    );
    foreach (var tried in result.Tried)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  C {tried.C:0.###e0}  {tried.Accuracy:0.0000}"));
    }

    return 0;
}
