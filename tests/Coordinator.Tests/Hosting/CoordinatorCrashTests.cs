using System.Diagnostics;
using System.Globalization;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Hosting;

namespace ClipTrain.Coordinator.Tests.Hosting;

/// <summary>A coordinator process that is killed while workers train that are not its children.</summary>
public sealed class CoordinatorCrashTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Workers_train_through_the_death_of_their_coordinator_and_no_step_is_lost()
    {
        using var first = Start("0");
        var port = await first.StandardOutput.ReadLineAsync();
        using var ended = new CancellationTokenSource();
        using var zero = Client(0, port!);
        using var one = Client(1, port!);
        var workers = new[] { zero, one }.Select(client => new FakeWorker(client, "endless", ended.Token).LiveAsync()).ToList();
        await StepAsync(first, 1);
        first.Kill();
        await first.WaitForExitAsync();
        var before = Ledger().Last();

        using var second = Start(port!);
        Assert.Equal(port, await second.StandardOutput.ReadLineAsync());
        await StepAsync(second, before + 1);

        Assert.Single(FileRunLedger.Read(_directory.File("ledger.jsonl")), entry => entry.Generation is not null);
        using (var http = new HttpClient())
        {
            http.DefaultRequestHeaders.Authorization = new("Bearer", FakeCoordinator.Token);
            using var stop = await http.PostAsync(new Uri($"http://127.0.0.1:{port}/runs/demo/stop"), new StringContent("""{"by":"the test","atOnce":false}"""));
            stop.EnsureSuccessStatusCode();
        }

        var exits = await Task.WhenAll(workers);
        Assert.Equal([0, 0], exits);
        second.StandardInput.Close();
        await second.WaitForExitAsync();
        var steps = Ledger().ToList();
        Assert.Equal(Enumerable.Range(1, steps.Count).Select(step => (long)step), steps);
        Assert.Equal(new CheckpointMark(steps.Count, $"step-{steps.Count}"), FileRunJournal.Read(_directory.File("journal.jsonl"))!.LastCheckpoint);
    }

    private static CoordinatorClient Client(int slot, string port) =>
        new(new WorkerEnvironment(new Uri($"http://127.0.0.1:{port}"), FakeCoordinator.Token, "demo", WorkerIds.ForSlot(slot)), TimeProvider.System);

    private static async Task StepAsync(Process coordinator, long step)
    {
        string? line;
        do
        {
            line = await coordinator.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("The coordinator has ended.");
        }
        while (!(line.StartsWith("step ", StringComparison.Ordinal) && line.Length > 5 && long.Parse(line.AsSpan(5), CultureInfo.InvariantCulture) >= step));
    }

    private Process Start(string port) => Process.Start(new ProcessStartInfo("dotnet", [typeof(CoordinatorCrashTests).Assembly.Location, "serve", _directory.Path, port])
    {
        UseShellExecute = false,
        RedirectStandardOutput = true,
        RedirectStandardInput = true,
    })!;

    private IEnumerable<long> Ledger() => FileRunLedger.Read(_directory.File("ledger.jsonl")).Where(entry => entry.Step is not null).Select(entry => entry.Step!.Metrics.Step);
}
