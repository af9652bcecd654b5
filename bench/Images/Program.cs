using System.Diagnostics;
using System.Globalization;
using ClipTrain.Bench.Images;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Ordering;

// One side of compare.py: for each line on standard input, prepares every JPEG of the folder once in this one thread and
// prints the CPU seconds of the whole process for it. The line names the output's type and how JPEGs are decoded; "Error"
// instead of the type requests the difference from exact decoding.
var files = Directory.GetFiles(args[0], "*.jpg").Order(StringComparer.Ordinal).Select(File.ReadAllBytes).ToArray();
var transforms = new Dictionary<string, ClipImageTransform>(StringComparer.Ordinal);
using var process = Process.GetCurrentProcess();
var chw = new byte[3 * 224 * 224 * sizeof(float)];
for (var pass = 0UL; Console.ReadLine() is { } line; pass++)
{
    var words = line.Split(' ');
    if (words[0] == "Error")
    {
        Console.WriteLine(DecodeError.Measure(files, Enum.Parse<JpegDecode>(words[1])));
        continue;
    }

    if (!transforms.TryGetValue(line, out var transform))
    {
        transform = transforms[line] = new ClipImageTransform(
            new ImageTransformOptions(224) { Type = Enum.Parse<ImageType>(words[0]), Jpeg = Enum.Parse<JpegDecode>(words[1]) }
        );
    }

    var output = chw.AsSpan(0, 3 * 224 * 224 * transform.Type.Bytes());
    process.Refresh();
    var before = process.TotalProcessorTime;
    for (var i = 0; i < files.Length; i++)
    {
        var random = new CounterRandom(0, pass, (ulong)i);
        transform.Train(files[i], ref random, output);
    }

    process.Refresh();
    Console.WriteLine((process.TotalProcessorTime - before).TotalSeconds.ToString("R", CultureInfo.InvariantCulture));
}

foreach (var transform in transforms.Values)
{
    transform.Dispose();
}
