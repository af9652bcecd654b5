using System.Diagnostics;
using System.Globalization;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Ordering;

// One side of compare.py: for each line on standard input, prepares every JPEG of the folder once in this one thread and
// prints the CPU seconds of the whole process for it.
var files = Directory.GetFiles(args[0], "*.jpg").Order(StringComparer.Ordinal).Select(File.ReadAllBytes).ToArray();
using var transform = new ClipImageTransform(new ImageTransformOptions(224));
using var process = Process.GetCurrentProcess();
var chw = new float[3 * 224 * 224];
for (var pass = 0UL; Console.ReadLine() is not null; pass++)
{
    process.Refresh();
    var before = process.TotalProcessorTime;
    for (var i = 0; i < files.Length; i++)
    {
        var random = new CounterRandom(0, pass, (ulong)i);
        transform.Train(files[i], ref random, chw);
    }

    process.Refresh();
    Console.WriteLine((process.TotalProcessorTime - before).TotalSeconds.ToString("R", CultureInfo.InvariantCulture));
}
