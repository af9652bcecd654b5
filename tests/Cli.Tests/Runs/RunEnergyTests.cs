using ClipTrain.Cli.Runs;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Coordinator.Tests;
using ClipTrain.Tests.Shared;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Tests.Runs;

/// <summary>The energy of a run, on a tree of counters like that of Linux powercap.</summary>
public sealed class RunEnergyTests : IDisposable
{
    private const long Range = 1_000_000_000;

    private readonly TemporaryFolder _folder = new();
    private readonly ManualTimeProvider _time = new();
    private readonly RunFiles _files;

    public RunEnergyTests()
    {
        _files = new RunFiles(_folder.File("run"));
        Directory.CreateDirectory(Root);
    }

    private string Root => _folder.File("powercap");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_packages_are_added_without_their_parts_and_the_platform()
    {
        string[] zones = ["intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1", "intel-rapl:2", "intel-rapl-mmio:0"];
        string[] names = ["package-0", "core", "package-1", "psys", "package-0"];
        foreach (var (zone, name) in zones.Zip(names))
        {
            Zone(zone, name, joules: 100);
        }

        using (Host(1))
        {
            Set("intel-rapl:0", 107);
            Set("intel-rapl:1", 130);
            Array.ForEach(["intel-rapl:0:0", "intel-rapl:2", "intel-rapl-mmio:0"], zone => Set(zone, 900));
        }

        Assert.Equal(37, RunEnergy.Total(_files));
    }

    [Fact]
    public void A_counter_that_wraps_around_several_times_loses_nothing()
    {
        Zone("intel-rapl:0", "package-0", joules: 900);
        using (Host(1))
        {
            foreach (var joules in new[] { 100, 800, 300, 250 })
            {
                Set("intel-rapl:0", joules);
                _time.Advance(TimeSpan.FromMinutes(1));
            }
        }

        Assert.Equal(200 + 700 + 500 + 950, RunEnergy.Total(_files));
    }

    [Fact]
    public void What_was_used_before_a_resume_is_added_and_what_was_used_between_is_not()
    {
        Zone("intel-rapl:0", "package-0", joules: 0);
        using (Host(1))
        {
            Set("intel-rapl:0", 10);
        }

        Set("intel-rapl:0", 500);
        using (Host(2))
        {
            Set("intel-rapl:0", 520);
        }

        Assert.Equal(30, RunEnergy.Total(_files));
    }

    [Fact]
    public void A_run_that_goes_back_to_a_checkpoint_in_the_same_term_keeps_what_the_undone_steps_used()
    {
        Zone("intel-rapl:0", "package-0", joules: 0);
        foreach (var joules in new[] { 10, 25 })
        {
            using var host = Host(1);
            Set("intel-rapl:0", joules);
        }

        Assert.Equal(25, RunEnergy.Total(_files));
    }

    [Fact]
    public void A_killed_host_leaves_its_energy_up_to_the_last_reading()
    {
        Zone("intel-rapl:0", "package-0", joules: 0);
        _ = Host(1);
        Set("intel-rapl:0", 40);
        _time.Advance(TimeSpan.FromMinutes(1));
        Set("intel-rapl:0", 50);

        Assert.Equal(40, RunEnergy.Total(_files));
    }

    [Fact]
    public void A_host_that_was_suspended_and_replaced_counts_nothing_of_its_successor()
    {
        Zone("intel-rapl:0", "package-0", joules: 0);
        var suspended = Host(1);
        using (Host(2))
        {
            Set("intel-rapl:0", 60);
            _time.Advance(TimeSpan.FromMinutes(1));
            suspended!.Dispose();
        }

        Assert.Equal(60, RunEnergy.Total(_files));
    }

    [Fact]
    public void Without_counters_the_energy_is_unknown_and_nothing_is_written()
    {
        Assert.Null(Host(1));
        Directory.Delete(Root);
        Assert.Null(Host(2));

        Assert.Null(RunEnergy.Total(_files));
        Assert.False(Directory.Exists(_files.Energy));
    }

    [Theory]
    [InlineData("energy_uj")]
    [InlineData("max_energy_range_uj")]
    public void A_counter_that_cannot_be_read_leaves_the_energy_unknown(string file)
    {
        Zone("intel-rapl:0", "package-0", joules: 0);
        Zone("intel-rapl:1", "package-1", joules: 0);
        MakeUnreadable("intel-rapl:1", file);

        Assert.Null(Host(1));
        Assert.Null(RunEnergy.Total(_files));
    }

    [Fact]
    public void A_counter_that_becomes_unreadable_leaves_no_part_of_the_energy()
    {
        Zone("intel-rapl:0", "package-0", joules: 0);
        using (Host(1))
        {
            Set("intel-rapl:0", 10);
            _time.Advance(TimeSpan.FromMinutes(1));
            Assert.Equal(10, RunEnergy.Total(_files));
            MakeUnreadable("intel-rapl:0", "energy_uj");
            _time.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.Null(RunEnergy.Total(_files));
    }

    [Fact]
    public void The_energy_of_a_run_is_unknown_if_one_of_its_hosts_could_not_read_it()
    {
        Assert.Null(Host(1));
        Zone("intel-rapl:0", "package-0", joules: 0);
        using (Host(2))
        {
            Set("intel-rapl:0", 10);
        }

        Assert.Null(RunEnergy.Total(_files));
    }

    /// <summary>Hosts the run as a term.</summary>
    private RunEnergy? Host(long term)
    {
        FileRunLedger.Open(_files.Ledger, term).Dispose();
        return RunEnergy.Start(_files, term, Root, _time);
    }

    /// <summary>Makes a zone, which is a link in the system's tree too.</summary>
    private void Zone(string zone, string name, long joules)
    {
        var target = Directory.CreateDirectory(_folder.File($"devices/{zone}")).FullName;
        File.WriteAllText(Path.Combine(target, "name"), name + "\n");
        File.WriteAllText(Path.Combine(target, "max_energy_range_uj"), $"{Range}\n");
        Directory.CreateSymbolicLink(Path.Combine(Root, zone), target);
        Set(zone, joules);
    }

    private void Set(string zone, long joules) => File.WriteAllText(Path.Combine(Root, zone, "energy_uj"), $"{joules * 1_000_000}\n");

    /// <summary>Even root cannot read a folder as a file.</summary>
    private void MakeUnreadable(string zone, string file)
    {
        File.Delete(Path.Combine(Root, zone, file));
        Directory.CreateDirectory(Path.Combine(Root, zone, file));
    }
}
