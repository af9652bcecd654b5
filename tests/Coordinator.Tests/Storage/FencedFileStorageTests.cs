using System.Diagnostics.CodeAnalysis;
using ClipTrain.Coordinator.Storage;
using Orleans.Storage;

namespace ClipTrain.Coordinator.Tests.Storage;

public sealed class FencedFileStorageTests : IDisposable
{
    private static readonly GrainId Run = GrainId.Create("run", "demo/with:odd characters");

    private readonly TemporaryDirectory _directory = new();
    private readonly FencedFileStorage _storage;

    public FencedFileStorageTests() => _storage = new FencedFileStorage(_directory.Path);

    [Fact]
    public async Task What_was_written_is_read_back_by_another_activation()
    {
        var first = await ActivateAsync();
        Assert.False(first.RecordExists);
        first.State.Term = 3;
        first.State.Loss = double.NaN;
        await _storage.WriteStateAsync("run", Run, first);

        var second = await ActivateAsync();

        Assert.True(second.RecordExists);
        Assert.Equal(3, second.State.Term);
        Assert.Equal(double.NaN, second.State.Loss);
    }

    [Fact]
    public async Task An_activation_that_another_has_replaced_can_write_no_more()
    {
        var zombie = await ActivateAsync();
        await _storage.WriteStateAsync("run", Run, zombie);
        var successor = await ActivateAsync();
        successor.State.Term = 1;
        await _storage.WriteStateAsync("run", Run, successor);

        zombie.State.Term = 99;
        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.WriteStateAsync("run", Run, zombie));
        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.ClearStateAsync("run", Run, zombie));
        await _storage.WriteStateAsync("run", Run, successor);

        Assert.Equal(1, (await ActivateAsync()).State.Term);
    }

    [Fact]
    public async Task An_activation_stays_replaced_when_its_successor_has_cleared_the_state()
    {
        var zombie = await ActivateAsync();
        await _storage.WriteStateAsync("run", Run, zombie);
        var successor = await ActivateAsync();
        await _storage.ClearStateAsync("run", Run, successor);

        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.WriteStateAsync("run", Run, zombie));

        Assert.False((await ActivateAsync()).RecordExists);
    }

    [Fact]
    public async Task Nothing_of_a_cleared_state_stays_on_disk_and_writing_begins_anew()
    {
        var activation = await ActivateAsync();
        for (activation.State.Term = 1; activation.State.Term <= 20; activation.State.Term++)
        {
            await _storage.WriteStateAsync("run", Run, activation);
        }

        await _storage.ClearStateAsync("run", Run, activation);

        Assert.False(activation.RecordExists);
        Assert.Equal(0, activation.State.Term);
        Assert.DoesNotContain(
            Directory.EnumerateFiles(_directory.Path, "*", SearchOption.AllDirectories),
            file => File.ReadAllText(file).Contains("term", StringComparison.OrdinalIgnoreCase)
        );

        activation.State.Term = 5;
        await _storage.WriteStateAsync("run", Run, activation);
        Assert.Equal(5, (await ActivateAsync()).State.Term);
    }

    [Fact]
    public async Task Of_two_activations_that_write_at_once_one_succeeds()
    {
        using var barrier = new Barrier(2);
        for (var round = 0; round < 25; round++)
        {
            var activations = new[] { await ActivateAsync(), await ActivateAsync() };
            var written = await Task.WhenAll(
                activations.Select(activation =>
                    Task.Run(async () =>
                    {
                        barrier.SignalAndWait();
                        try
                        {
                            await _storage.WriteStateAsync("run", Run, activation);
                            return true;
                        }
                        catch (InconsistentStateException)
                        {
                            return false;
                        }
                    })
                )
            );
            Assert.Single(written, won => won);
        }
    }

    [Fact]
    public async Task A_state_that_this_build_cannot_read_is_one_error_that_names_the_file()
    {
        var folder = Path.Combine(_directory.Path, "run", Uri.EscapeDataString(Run.ToString()));
        VersionedFiles.TryAdd(folder, 1, "{\"term\":\"many\"}"u8);

        var error = await Assert.ThrowsAsync<InvalidDataException>(ActivateAsync);

        Assert.Contains(VersionedFiles.PathOf(folder, 1), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failed_write_leaves_the_activation_able_to_write_again()
    {
        var activation = await ActivateAsync();
        var folder = Path.Combine(_directory.Path, "run");
        File.WriteAllText(folder, "in the way");
        await Assert.ThrowsAsync<IOException>(() => _storage.WriteStateAsync("run", Run, activation));
        File.Delete(folder);

        await _storage.WriteStateAsync("run", Run, activation);

        Assert.True((await ActivateAsync()).RecordExists);
    }

    public void Dispose() => _directory.Dispose();

    private async Task<Activation> ActivateAsync()
    {
        var state = new Activation();
        await _storage.ReadStateAsync("run", Run, state);
        return state;
    }

    private sealed class Activation : IGrainState<Held>
    {
        [AllowNull]
        public Held State { get; set; } = new();

        [AllowNull]
        public string ETag { get; set; } = null!;

        public bool RecordExists { get; set; }
    }

    public sealed class Held
    {
        public long Term { get; set; }

        public double Loss { get; set; }
    }
}
