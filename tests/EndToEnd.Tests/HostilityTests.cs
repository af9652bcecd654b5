using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using ClipTrain.EndToEnd.Tests.Cluster;

namespace ClipTrain.EndToEnd.Tests;

/// <summary>Attacks on a running training, and mistakes of its operator.</summary>
public sealed class HostilityTests : IDisposable
{
    private const string Long = "training.steps=100000";
    private readonly TinyCorpus _corpus = new();

    public void Dispose() => _corpus.Dispose();

    [Fact]
    public void An_image_that_takes_hours_to_render_is_a_bad_sample()
    {
        WriteEndlessDrawing();
        var (exit, output) = ProgramRun.Finish(
            _corpus.Folder,
            "train",
            _corpus.RunFile,
            "--set",
            "data.train=[endless.parquet]",
            "--set",
            "data.allow_svg=true",
            "--set",
            "data.max_image_seconds=2",
            "--set",
            "evaluation={}"
        );
        Assert.True(exit == 0, output);
        Assert.Contains(
            "endless.parquet:7: the image takes longer to decode than data.max_image_seconds, 2 s; skipped",
            output,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "\"bad_samples\":1",
            File.ReadLines(_corpus.PathOf("runs", "tiny", "metrics.jsonl")).ElementAt(8),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_run_that_waits_for_an_image_logs_it_and_stops_on_request()
    {
        WriteEndlessDrawing();
        using var run = ProgramRun.Start(
            _corpus.Folder,
            "train",
            _corpus.RunFile,
            "--set",
            "data.train=[endless.parquet]",
            "--set",
            "data.allow_svg=true",
            "--set",
            "data.max_image_seconds=3600",
            "--set",
            Long
        );
        await run.Printed("endless.parquet:7 is being decoded");
        run.Signal(PosixSignal.SIGTERM);
        Assert.True(run.WaitForExit() == 143, run.Output);
        Assert.Contains("cliptrain resume", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_two_resumes_at_once_one_hosts_the_run_and_the_other_names_it()
    {
        using (var run = ProgramRun.Start(_corpus.Folder, "train", _corpus.RunFile, "--set", Long))
        {
            await run.Printed("step 3/");
            run.Signal(PosixSignal.SIGTERM);
            Assert.Equal(143, run.WaitForExit());
        }

        using var one = ProgramRun.Start(_corpus.Folder, "resume", "tiny");
        using var other = ProgramRun.Start(_corpus.Folder, "resume", "tiny");
        var refused = await Task.WhenAny(Task.Run(one.WaitForExit), Task.Run(other.WaitForExit));
        Assert.True(await refused == 2, one.Output + other.Output);
        var (host, loser) = one.Output.Contains($"process {other.ProcessId}", StringComparison.Ordinal) ? (other, one) : (one, other);
        Assert.Contains($"process {host.ProcessId}", loser.Output, StringComparison.Ordinal);
        await host.Printed(" loss ");
        host.Signal(PosixSignal.SIGTERM);
        Assert.Equal(143, host.WaitForExit());
    }

    [Theory]
    [InlineData("cut")]
    [InlineData("noise")]
    public async Task Damaging_the_corpus_during_training_ends_the_run_with_the_files_name(string damage)
    {
        using var run = ProgramRun.Start(_corpus.Folder, "train", _corpus.RunFile, "--set", Long, "--set", "evaluation={}");
        await run.Printed("step 3/");
        using (var file = new FileStream(_corpus.PathOf("train.parquet"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            var length = file.Length;
            if (damage == "cut")
            {
                file.SetLength(length / 3);
            }
            else
            {
                file.Write([.. Enumerable.Range(0, (int)(length * 3 / 4)).Select(i => (byte)(i * 131))]);
            }
        }

        Assert.True(run.WaitForExit() == 4, run.Output);
        Assert.Contains("train.parquet", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Replacing_the_corpus_during_training_is_detected_on_resuming_at_the_latest()
    {
        _corpus.Write("other.parquet", TinyCorpus.Rows, i => TinyCorpus.Picture(i + 1000), TinyCorpus.Caption);
        using var run = ProgramRun.Start(_corpus.Folder, "train", _corpus.RunFile, "--set", Long, "--set", "evaluation={}");
        await run.Printed("step 3/");
        File.Move(_corpus.PathOf("other.parquet"), _corpus.PathOf("train.parquet"), overwrite: true);
        await new RunRecord(_corpus.PathOf("runs", "tiny"), () => run.Output).MoreSteps(30);
        run.Signal(PosixSignal.SIGTERM);
        Assert.True(run.WaitForExit() == 143, run.Output);
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "resume", "tiny");
        Assert.True(exit == 4, output);
        Assert.Contains("train.parquet", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_thousand_silent_connections_do_not_block_the_run()
    {
        var port = FreePort();
        using var run = ProgramRun.Start(
            _corpus.Folder,
            "train",
            _corpus.RunFile,
            "--set",
            Long,
            "--set",
            $"cluster.port={port}",
            "--set",
            "evaluation={}"
        );
        await run.Printed("step 3/");
        var silent = new List<Socket>();
        for (var i = 0; i < 1000; i++)
        {
            silent.Add(new Socket(SocketType.Stream, ProtocolType.Tcp));
            await silent[^1].ConnectAsync(IPAddress.Loopback, port);
        }

        // New connections and those of the workers still get through.
        var (exit, status) = ProgramRun.Finish(_corpus.Folder, "status", "tiny");
        Assert.True(exit == 0, status);
        run.Signal(PosixSignal.SIGTERM);
        Assert.True(run.WaitForExit() == 143, run.Output);
        silent.ForEach(socket => socket.Dispose());
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>
    /// A corpus whose row 7 is an SVG of half a kilobyte: noise of a thousand octaves, nine times over sixteen million
    /// pixels.
    /// </summary>
    private void WriteEndlessDrawing()
    {
        var noise = string.Concat(Enumerable.Repeat("<feTurbulence baseFrequency='0.05' numOctaves='1000'/>", 9));
        var svg =
            $"<svg xmlns='http://www.w3.org/2000/svg' width='4000' height='4000'><filter id='f' x='0' y='0' width='1' "
            + $"height='1'>{noise}</filter><rect width='4000' height='4000' filter='url(#f)'/></svg>";
        _corpus.Write(
            "endless.parquet",
            TinyCorpus.Rows,
            i => i == 7 ? Encoding.UTF8.GetBytes(svg) : TinyCorpus.Picture(i),
            TinyCorpus.Caption
        );
    }
}
