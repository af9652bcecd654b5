using System.CommandLine;
using ClipTrain.Coordinator.Clustering;
using ClipTrain.EndToEnd.Tests.Cluster;
using ClipTrain.Soak;

var faults = new Option<int>("--faults") { Description = "Number of faults.", DefaultValueFactory = _ => 50 };
var seed = new Option<int>("--seed") { Description = "Seed of the sequence of faults.", DefaultValueFactory = _ => 1 };
var workers = new Option<int>("--workers") { Description = "Number of workers, at least three.", DefaultValueFactory = _ => 3 };
var mode = new Option<string>("--mode")
{
    Description = "fixed waits for all workers, and its weights must be bit-identical; elastic continues with one.",
    DefaultValueFactory = _ => "fixed",
};
mode.AcceptOnlyFromAmong("fixed", "elastic");
var keep = new Option<bool>("--keep") { Description = "Keep the run's folder." };
var clustering = new Option<ClusteringKind>("--clustering")
{
    Description =
        "Store of the cluster's membership: file, redis or postgres. For redis and postgres a server is started, and restarted as a fault.",
    DefaultValueFactory = _ => ClusteringKind.File,
};
var lease = new Option<double>("--lease")
{
    Description = "Seconds of silence after which a worker counts as lost. Raise it on a busy machine.",
    DefaultValueFactory = _ => 4,
};
var takeover = new Option<int>("--measure-takeover")
{
    Description =
        "Instead of a soak, kill the coordinator of a `cliptrain train` run this many times and measure the time until another process "
        + "records a step.",
};
var measure = new Option<int>("--measure-recovery")
{
    Description = "Instead of a soak, kill this many workers of a `cliptrain train` run, in each mode, and measure the recovery.",
};
var command = new RootCommand("Inject faults into the training of a tiny model and check that nothing is lost.")
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
    var missing = parsed.GetValue(clustering) == ClusteringKind.File ? NetworkHosts.Missing : "the membership server runs on this host";
    if (missing is not null)
    {
        Console.WriteLine($"Network faults are disabled: {missing}");
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
