using System.Net;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Hosting;

namespace ClipTrain.Trainer.Runs;

/// <summary>Hosts a run for workers that come by themselves. After a crash of the coordinator it goes on from the journal.</summary>
/// <param name="files">The run's files.</param>
/// <param name="records">Where it is written down.</param>
/// <param name="findCheckpoint">The newest checkpoint that the run has written.</param>
public sealed class ServedRun(RunFiles files, RunRecords records, Func<CheckpointMark?> findCheckpoint)
{
    private static readonly TimeSpan LongestFarewell = TimeSpan.FromSeconds(30), Silence = TimeSpan.FromSeconds(3), Pause = TimeSpan.FromMilliseconds(200);

    /// <summary>Serves until the run has ended and its workers have been told.</summary>
    public async Task<RunOutcome> RunAsync(CoordinatorHostOptions hosting, string? tokenFile, RunState state, StopSignals signals)
    {
        if (hosting.Token is null && IPAddress.IsLoopback(hosting.Address))
        {
            tokenFile = files.Token;
            hosting = hosting with { Token = AccessToken.Keep(tokenFile) };
        }

        await using var host = await CoordinatorHost.StartAsync(hosting, TimeProvider.System, records.Loggers);
        var journal = new FileRunJournal(files.Journal);
        var offer = new RunFilesOffer(await File.ReadAllBytesAsync(files.Config), await File.ReadAllBytesAsync(files.Manifest));
        var run = host.OpenRun(state, records.Observer, journal, records.Ledger, workers: null, offer, findCheckpoint);
        records.Log.Information("Workers join with: cliptrain worker --coordinator {Address:l} --token-file {File:l}", Reachable(host.Address, hosting.Address), tokenFile ?? "FILE");

        signals.Attach(run.RequestStop);
        var outcome = await run.Outcome;
        await FarewellAsync(run);
        return outcome;
    }

    /// <summary>The address to tell workers of: one that listens everywhere is reached by this machine's name.</summary>
    private static string Reachable(Uri address, IPAddress listening)
    {
        var isAny = listening.Equals(IPAddress.Any) || listening.Equals(IPAddress.IPv6Any);
        return (isAny ? new UriBuilder(address) { Host = Dns.GetHostName() }.Uri : address).GetLeftPart(UriPartial.Authority);
    }

    /// <summary>Stays until the workers, who ask once a heartbeat, have heard of the end and fallen silent.</summary>
    private static async Task FarewellAsync(HostedRun run)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (run.SinceLastMessage < Silence && TimeProvider.System.GetElapsedTime(started) < LongestFarewell)
            await Task.Delay(Pause);
    }
}
