using System.Runtime.InteropServices;

namespace ClipTrain.EndToEnd.Tests.Cluster;

/// <summary>Tests of the cluster scripts with the real program; a local shell replaces ssh and srun.</summary>
[Collection(HostCollection.Name)]
public sealed class ScriptTests : IDisposable
{
    private readonly ScriptHome _home = new();

    [Fact]
    public void The_ssh_script_trains_on_its_hosts_to_the_end()
    {
        using var run = Ssh("cluster.workers=3");
        run.AssertExit(0);
        Assert.Equal(["worker-0", "worker-1", "worker-2"], Assert.Single(_home.Record.Generations).Workers);
        _home.Record.AssertWhole();
    }

    [Fact]
    public async Task The_ssh_script_stops_at_a_checkpoint_and_shows_its_token_to_nobody()
    {
        using var run = Ssh("cluster.workers=3", "training.steps=100000");
        await run.Printed("step 3/");
        AssertNoCommandLineHas(TokenOf("worker"));
        run.Signal(PosixSignal.SIGTERM);
        run.AssertExit(143);
        _home.Record.AssertWhole();
    }

    [Fact]
    public async Task The_ssh_script_shows_the_run_also_when_the_standby_has_taken_it_over()
    {
        using var run = Ssh("cluster.workers=3", "training.steps=100000");
        await run.Printed("step 3/");
        await run.StandsBy(_home.Corpus.PathOf("runs", "tiny"));
        run.KillCoordinator();
        await run.Printed(" loss ", after: "resuming training at step");
        run.Signal(PosixSignal.SIGTERM);
        run.AssertExit(143);
        _home.Record.AssertWhole();
    }

    [Fact]
    public async Task The_slurm_job_queues_again_at_its_time_limit_and_then_goes_on()
    {
        StandInForSlurm();
        using (var first = Slurm("training.steps=100000"))
        {
            await first.Printed("step 3/");
            AssertNoCommandLineHas(File.ReadAllText(_home.Corpus.PathOf(".cliptrain-7.token")));
            first.SignalUsr1();
            first.AssertExit(0);
            Assert.Contains("requeue 7", first.Output, StringComparison.Ordinal);
        }

        var steps = _home.Record.Steps.Count;
        using var second = Slurm("training.steps=100000");
        await second.Printed($"step {steps + 1}/");
        second.Signal(PosixSignal.SIGTERM);
        second.AssertExit(143);
        Assert.False(File.Exists(_home.Corpus.PathOf(".cliptrain-7.token")));
        Assert.All(_home.Record.Generations, generation => Assert.Equal(["worker-0", "worker-1"], generation.Workers));
        _home.Record.AssertWhole();
    }

    [Fact]
    public void What_crashed_is_started_again_and_what_failed_is_not()
    {
        using var run = _home.Run("keep", [], "bash", "-c", "echo try; [ -e crashed ] && exit 4; touch crashed; kill -SEGV $$");
        run.AssertExit(4);
        Assert.Equal(2, run.Output.Split('\n').Count(line => line == "try"));
    }

    public void Dispose() => _home.Dispose();

    private static void AssertNoCommandLineHas(string secret)
    {
        Assert.True(secret.Length >= 32);
        Assert.DoesNotContain(
            System.Diagnostics.Process.GetProcesses(),
            process => ReadOrNothing($"/proc/{process.Id}/cmdline").Contains(secret, StringComparison.Ordinal)
        );
    }

    private static string ReadOrNothing(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (IOException)
        {
            return "";
        }
    }

    /// <summary>Reads the token from the environment of a process of the run, which only its user can read.</summary>
    private string TokenOf(string command) =>
        System
            .Diagnostics.Process.GetProcesses()
            .Where(process =>
                ReadOrNothing($"/proc/{process.Id}/cmdline").Contains($"cliptrain.dll\0{command}\0", StringComparison.Ordinal)
            )
            .Select(process => ReadOrNothing($"/proc/{process.Id}/environ").Split('\0'))
            .First(variables => variables.Contains($"PWD={_home.Corpus.Folder}"))
            .First(variable => variable.StartsWith("CLIPTRAIN_TOKEN=", StringComparison.Ordinal))["CLIPTRAIN_TOKEN=".Length..];

    private ProgramRun Ssh(params string[] settings)
    {
        // ssh [-o OPTION] HOST COMMAND
        _home.StandIn("ssh", """[ "$1" = -o ] && shift 2; shift; SSH_CLIENT='127.0.0.1 50000 22' exec bash -c "$*" """);
        File.WriteAllText(_home.Corpus.PathOf("hosts"), "# name workers\na 2\nroot@b\n");
        return _home.Run("ssh", [], ["--port", "17701", "hosts", _home.Corpus.RunFile, .. Sets(settings)]);
    }

    private void StandInForSlurm()
    {
        _home.StandIn("scontrol", "echo \"$@\"");
        _home.StandIn(
            "srun",
            """
            while [[ $1 = --* ]]; do shift; done
            trap 'kill -TERM $(jobs -p)' TERM
            for task in 0 1; do SLURMD_NODENAME=node$task "$@" & done
            code=0
            for job in $(jobs -p); do wait "$job" || code=$?; done
            exit $code
            """
        );
    }

    private ProgramRun Slurm(params string[] settings) =>
        _home.Run(
            "slurm.sbatch",
            [
                $"SLURM_SUBMIT_DIR={_home.Corpus.Folder}",
                "SLURM_JOB_ID=7",
                "SLURMD_NODENAME=localhost",
                "SLURM_CPUS_PER_TASK=1",
                "CLIPTRAIN_PORT=17702",
            ],
            [_home.Corpus.RunFile, .. Sets(["cluster.workers=2", .. settings])]
        );

    private static IEnumerable<string> Sets(string[] settings) =>
        settings.Prepend("evaluation={}").SelectMany(setting => new[] { "--set", setting });
}
