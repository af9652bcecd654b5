using System.Text;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Tests.Shared;
using FsCheck;
using FsCheck.Fluent;

namespace ClipTrain.Cli.Tests.Telemetry;

public sealed class TensorBoardWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ManualTime _time = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_step_is_read_back_with_its_scalars_step_and_time()
    {
        using (var writer = new TensorBoardWriter(_folder.Path, _time))
        {
            _time.Advance(1.5);
            writer.Write(Samples.Step(4));
            writer.Write(Samples.Step(long.MaxValue / 128));
        }

        var events = EventFileParser.Parse(File.ReadAllBytes(Assert.Single(Files())));

        Assert.Equal(3, events.Count);
        Assert.Equal("brain.Event:2", events[0].FileVersion);
        Assert.Equal((1_700_000_001.5, 4), (events[1].WallTime, events[1].Step));
        Assert.Equal(
            new Dictionary<string, float>(StringComparer.Ordinal)
            {
                ["train/loss"] = 0.25f,
                ["train/logit_scale"] = 14.25f,
                ["train/gradient_norm"] = 0.5f,
                ["train/learning_rate"] = 0.00048f,
                ["throughput/images_per_second"] = 32,
                ["data/wait_share"] = 0.125f,
                ["data/truncated_captions"] = 5,
                ["data_read/rate"] = 900,
                ["data_read/busy_share"] = 0.25f,
                ["data_read/blocked_share"] = 0.5f,
                ["data_decode/rate"] = 800,
                ["data_decode/busy_share"] = 0.75f,
                ["data_decode/starved_share"] = 0.125f,
                ["data_decode/blocked_share"] = 0,
                ["data_tokenize/rate"] = 800,
                ["data_tokenize/busy_share"] = 0.0625f,
                ["data_assemble/rate"] = 800,
                ["data_assemble/busy_share"] = 0.03125f,
                ["data/queued_samples"] = 96,
                ["data/queued_batches"] = 4,
            },
            events[1].Scalars
        );
        Assert.Equal(long.MaxValue / 128, events[2].Step);
    }

    [Fact]
    public void A_resumed_run_marks_the_later_steps_of_earlier_files_as_void()
    {
        using (var writer = new TensorBoardWriter(_folder.Path, _time, resumedStep: 7))
        {
            writer.Write(Samples.Step(8));
        }

        var events = EventFileParser.Parse(File.ReadAllBytes(Assert.Single(Files())));

        // SessionLog.START at a step makes TensorBoard purge that step and all later ones.
        Assert.Equal((8, 1), (events[1].Step, events[1].SessionStatus));
        Assert.Equal(8, events[2].Step);
    }

    [Fact]
    public void Events_can_be_read_while_the_file_is_being_written()
    {
        using var writer = new TensorBoardWriter(_folder.Path, _time);
        writer.Write(Samples.Step(1));

        using var stream = new FileStream(Assert.Single(Files()), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);

        Assert.Equal(2, EventFileParser.Parse(bytes).Count);
    }

    [Fact]
    public void Two_files_of_the_same_second_have_distinct_names_that_sort_in_order()
    {
        using var first = new TensorBoardWriter(_folder.Path, _time);
        using var second = new TensorBoardWriter(_folder.Path, _time, resumedStep: 1);

        var names = Files().Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal).ToList();

        Assert.All(
            names,
            name => Assert.StartsWith($"events.out.tfevents.1700000000.{Environment.MachineName}.", name, StringComparison.Ordinal)
        );
        Assert.EndsWith(".0", names[0], StringComparison.Ordinal);
        Assert.EndsWith(".1", names[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", 0u)]
    [InlineData("a", 0xC1D04330u)]
    [InlineData("123456789", 0xE3069283u)]
    [InlineData("The quick brown fox jumps over the lazy dog", 0x22620404u)]
    public void Checksums_agree_with_known_values(string text, uint crc)
    {
        Assert.Equal(crc, Crc32C.Of(Encoding.ASCII.GetBytes(text)));
        Assert.Equal(crc, EventFileParser.Crc(Encoding.ASCII.GetBytes(text)));
    }

    [Fact]
    public void Checksums_of_any_bytes_agree_with_the_definition()
    {
        Check.One(
            FsCheck.Config.QuickThrowOnFailure,
            Prop.ForAll(ArbMap.Default.ArbFor<byte[]>(), bytes => Crc32C.Of(bytes) == EventFileParser.Crc(bytes))
        );
    }

    private string[] Files() => Directory.GetFiles(_folder.Path);
}
