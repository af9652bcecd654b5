using System.CommandLine;
using ClipTrain.Coordinator.Clustering;
using ClipTrain.EndToEnd.Tests.Cluster;
using ClipTrain.Soak;

var faults = new Option<int>("--faults") { Description = "How many faults.", DefaultValueFactory = _ => 50 };
var seed = new Option<int>("--seed") { Description = "Of the sequence of faults.", DefaultValueFactory = _ => 1 };
var workers = new Option<int>("--workers") { Description = "Workers, three at least.", DefaultValueFactory = _ => 3 };
var mode = new Option<string>("--mode")
{
    Description = "fixed waits for all workers and must be bit-identical; elastic goes on with one.",
    DefaultValueFactory = _ => "fixed",
};
mode.AcceptOnlyFromAmong("fixed", "elastic");
var keep = new Option<bool>("--keep") { Description = "Keep the run's folder." };
var clustering = new Option<ClusteringKind>("--clustering")
{
    Description = "Where the cluster's members are kept: file, redis or postgres, for which a server is started and restarted.",
    DefaultValueFactory = _ => ClusteringKind.File,
};
var lease = new Option<double>("--lease")
{
    Description = "Seconds of silence after which a worker counts as lost; more on a busy machine.",
    DefaultValueFactory = _ => 4,
};
var takeover = new Option<int>("--measure-takeover")
{
    Description =
        "In place of a soak: kill the coordinator of a `cliptrain train` run so many times and measure how long it takes until another "
        + "process has recorded a step.",
};
var measure = new Option<int>("--measure-recovery")
{
    Description = "In place of a soak: kill so many workers of a `cliptrain train` run and measure the recovery, in both modes.",
};
var command = new RootCommand("Injects faults into a run of a tiny model and proves that nothing was lost.")
{
    faults,
    seed,
    workers,
    mode,
    clustering,
    lease,
    keep,
    measure,
    takeover,
};
command.SetAction(async parsed =>
{
    var missing = parsed.GetValue(clustering) == ClusteringKind.File ? NetworkHosts.Missing : "the server is on this host";
    if (missing is not null)
    {
        Console.WriteLine($"No network is cut: {missing}");
    }

    var options = new SoakOptions
    {
        Faults = parsed.GetValue(faults),
        Seed = parsed.GetValue(seed),
        Workers = parsed.GetValue(workers),
        IsElastic = parsed.GetValue(mode) == "elastic",
        HasNetwork = missing is null,
        Clustering = parsed.GetValue(clustering),
        Lease = TimeSpan.FromSeconds(parsed.GetValue(lease)),
        Keep = parsed.GetValue(keep),
    };
    var violations = (parsed.GetValue(measure), parsed.GetValue(takeover)) switch
    {
        (var kills and > 0, _) => await RecoveryMeasurement.RunAsync(kills, options, Console.Out, TimeProvider.System),
        (_, var kills and > 0) => await TakeoverMeasurement.RunAsync(kills, options, Console.Out, TimeProvider.System),
        _ => await SoakRun.RunAsync(options, Console.Out, TimeProvider.System),
    };
    return violations == 0 ? 0 : 1;
});
return await command.Parse(args).InvokeAsync();
