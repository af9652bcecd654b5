using System.Globalization;
using ClipTrain.Bench.Coordinator;

// dotnet run -c Release --project bench/Coordinator [-- MEMBERS…]
// CPU time of the coordinator's rules, without network or disk.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
int[] sizes = args.Length > 0 ? [.. args.Select(int.Parse)] : [8, 64, 512, 4096];
Console.WriteLine("members  join µs  form ms  heartbeat µs  in batches of 64  KiB each  tick µs  state KiB  cores at 2/s");
foreach (var members in sizes)
{
    Figures[] repeats = [.. Enumerable.Range(0, 5).Select(_ => SimulatedRun.Measure(members))];
    var (join, form, single, batched) = (
        Median(f => f.JoinMicroseconds),
        Median(f => f.FormMicroseconds),
        Median(f => f.BeatMicroseconds),
        Median(f => f.BatchedMicroseconds)
    );
    var (kibibytes, tick, state) = (Median(f => f.BeatBytes) / 1024, Median(f => f.TickMicroseconds), Median(f => f.StateBytes) / 1024);
    var cores = ((2 * members * batched) + tick) / 1e6;
    (double Value, string Format, int Width)[] columns =
    [
        (members, "0", 7),
        (join, "0.0", 7),
        (form / 1000, "0.0", 7),
        (single, "0.00", 12),
        (batched, "0.00", 16),
        (kibibytes, "0.0", 8),
        (tick, "0", 7),
        (state, "0", 9),
        (cores, "0.000", 12),
    ];
    Console.WriteLine(string.Join("  ", columns.Select(column => column.Value.ToString(column.Format).PadLeft(column.Width))));

    double Median(Func<Figures, double> of) => repeats.Select(of).Order().ElementAt(repeats.Length / 2);
}
