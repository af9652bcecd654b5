using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ClipTrain.Bench.Tokenizer;
using ClipTrain.DataPipeline.Text;

// Captions per CPU second of ClipTrain's tokenizer and of Python's, one thread each, alternating; medians.
//   dotnet run -c Release --project bench/Tokenizer [ROUNDS [reference|tuned]]
//   dotnet run -c Release --project bench/Tokenizer train [CAPTIONS]    the time to learn a vocabulary
if (args is ["train", ..])
{
    TrainingTime.Print(args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 1_000_000);
    return;
}

const int captionCount = 20_000,
    context = 77;
var mode = args.Length > 1 ? args[1] : "reference";
var rounds = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 9;
var folder = Directory.CreateTempSubdirectory("cliptrain-bench-").FullName;
try
{
    var merges = Path.Combine(folder, "merges.txt");
    MergeList.OpenAi().Save(merges);
    foreach (var set in CaptionSet.All(captionCount))
    {
        Compare(set, merges);
    }
}
finally
{
    Directory.Delete(folder, recursive: true);
}

void Compare(CaptionSet set, string merges)
{
    string captionsFile = Path.Combine(folder, "captions.json"),
        idsFile = Path.Combine(folder, "ids.json");
    File.WriteAllText(captionsFile, JsonSerializer.Serialize(set.Captions));
    using var peer = Process.Start(
        new ProcessStartInfo(
            "/usr/bin/python3",
            [Path.Combine(AppContext.BaseDirectory, "tokenizer_peer.py"), merges, captionsFile, idsFile, mode]
        )
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        }
    )!;
    var tokenizer = BpeTokenizer.OpenAi(context);
    var tokens = new long[captionCount * context];
    var ends = new long[captionCount];
    PeerPass();
    var warm = Stopwatch.StartNew();
    while (warm.ElapsedMilliseconds < 3000)
    {
        OurPass();
    }

    var pairs = Enumerable.Range(0, rounds).Select(_ => (Ours: captionCount / OurPass(), Peer: captionCount / PeerPass())).ToArray();
    peer.StandardInput.Close();
    peer.WaitForExit();

    var expected = JsonSerializer.Deserialize<long[][]>(File.ReadAllBytes(idsFile))!;
    var equal = Enumerable.Range(0, captionCount).Count(i => tokens.AsSpan(i * context, context).SequenceEqual(expected[i]));
    Console.WriteLine(
        string.Create(
            CultureInfo.InvariantCulture,
            $"{Cell.Left(set.Name, 20)} {Cell.Right(Median(pairs.Select(p => p.Ours)), 11, "N0")} "
                + $"{Cell.Right(Median(pairs.Select(p => p.Peer)), 9, "N0")} captions per CPU "
                + $"second, ratio "
                + $"{Cell.Right(Median(pairs.Select(p => p.Ours / p.Peer)), 6, "F1")}; same ids {(double)equal / captionCount:P1}"
        )
    );

    double OurPass()
    {
        var before = CpuSeconds();
        tokenizer.Encode(set.Captions, tokens, ends);
        return CpuSeconds() - before;
    }

    double PeerPass()
    {
        peer.StandardInput.WriteLine();
        return double.Parse(peer.StandardOutput.ReadLine()!, CultureInfo.InvariantCulture);
    }
}

static double CpuSeconds() => Environment.CpuUsage.TotalTime.TotalSeconds;

static double Median(IEnumerable<double> values) => values.Order().ElementAt(values.Count() / 2);
