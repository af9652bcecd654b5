using System.CommandLine;
using ClipTrain.EndToEnd.Tests.Cluster;
using ClipTrain.Soak;

var faults = new Option<int>("--faults") { Description = "How many faults.", DefaultValueFactory = _ => 50 };
var seed = new Option<int>("--seed") { Description = "Of the sequence of faults.", DefaultValueFactory = _ => 1 };
var workers = new Option<int>("--workers") { Description = "Workers, three at least.", DefaultValueFactory = _ => 3 };
var mode = new Option<string>("--mode") { Description = "fixed waits for all workers and must be bit-identical; elastic goes on with one.", DefaultValueFactory = _ => "fixed" };
mode.AcceptOnlyFromAmong("fixed", "elastic");
var keep = new Option<bool>("--keep") { Description = "Keep the run's folder." };
var measure = new Option<int>("--measure-recovery") { Description = "In place of a soak: kill so many workers of a `cliptrain train` run and measure the recovery, in both modes." };
var command = new RootCommand("Injects faults into a run of a tiny model and proves that nothing was lost.") { faults, seed, workers, mode, keep, measure };
command.SetAction(async parsed =>
{
    var hasNetwork = NetworkHosts.Missing is null;
    if (!hasNetwork)
        Console.WriteLine($"No network is cut: {NetworkHosts.Missing}");
    var options = new SoakOptions
    {
        Faults = parsed.GetValue(faults),
        Seed = parsed.GetValue(seed),
        Workers = parsed.GetValue(workers),
        IsElastic = parsed.GetValue(mode) == "elastic",
        HasNetwork = hasNetwork,
        Keep = parsed.GetValue(keep),
    };
    var violations = parsed.GetValue(measure) is > 0 and var kills
        ? await RecoveryMeasurement.RunAsync(kills, options, Console.Out, TimeProvider.System)
        : await SoakRun.RunAsync(options, Console.Out, TimeProvider.System);
    return violations == 0 ? 0 : 1;
});
return await command.Parse(args).InvokeAsync();
