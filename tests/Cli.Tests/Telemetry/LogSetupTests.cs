using System.Globalization;
using System.Text.Json.Nodes;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Tests.Shared;
using Serilog.Events;

namespace ClipTrain.Cli.Tests.Telemetry;

public sealed class LogSetupTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Lines_reach_the_console_and_the_file()
    {
        using var output = new StringWriter();
        var path = _folder.File("runs/a/run.log");
        using (var logger = LogSetup.Create(Consoles.Plain(output), path))
        {
            logger.Warning("{Count} bad rows in {File}", 3, "a.parquet");
        }

        Assert.Matches(@"^\d\d:\d\d:\d\d WRN 3 bad rows in a\.parquet\n$", output.ToString());
        Assert.Matches(@"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [+-]\d\d:\d\d WRN 3 bad rows in a\.parquet\n$", File.ReadAllText(path));
    }

    [Fact]
    public void The_log_is_written_as_json_lines_on_request()
    {
        var path = _folder.File("run.log.jsonl");
        using (var logger = LogSetup.Create(Consoles.Plain(TextWriter.Null), jsonFile: path))
        {
            logger.Warning("{Count} bad rows in {File:l}", 3, "a\n\u001b[2J.parquet");
            logger.Information("{Text:l}", "second");
        }

        var lines = File.ReadAllLines(path).Select(line => JsonNode.Parse(line)!).ToArray();
        Assert.Equal(2, lines.Length);
        Assert.Equal(("3 bad rows in a\n\u001b[2J.parquet", "Warning"), ((string?)lines[0]["@m"], (string?)lines[0]["@l"]));
        Assert.Equal(3, (int?)lines[0]["Count"]);
        Assert.True(DateTimeOffset.TryParse((string?)lines[1]["@t"], CultureInfo.InvariantCulture, out _));
    }

    [Fact]
    public void A_second_start_appends_to_the_log()
    {
        var path = _folder.File("run.log");
        foreach (var text in new[] { "first", "second" })
        {
            using var logger = LogSetup.Create(Consoles.Plain(TextWriter.Null), path);
            logger.Information("{Text:l}", text);
        }

        Assert.Equal(2, File.ReadAllLines(path).Length);
    }

    [Fact]
    public void Two_processes_that_log_in_turn_keep_every_line()
    {
        var (path, json) = (_folder.File("run.log"), _folder.File("run.log.jsonl"));
        using (var host = LogSetup.Create(Consoles.Plain(TextWriter.Null), path, jsonFile: json))
        using (var standby = LogSetup.Create(Consoles.Plain(TextWriter.Null), path, jsonFile: json))
        {
            for (var i = 0; i < 4; i++)
            {
                (i % 2 == 0 ? host : standby).Information("line {Number}", i);
            }
        }

        Assert.Equal("0123", string.Concat(File.ReadAllLines(path).Select(line => line[^1])));
        Assert.Equal("0123", string.Concat(File.ReadAllLines(json).Select(line => (int)JsonNode.Parse(line)!["Number"]!)));
    }

    [Fact]
    public void Long_lines_are_not_wrapped_in_a_pipe()
    {
        using var output = new StringWriter();
        using var logger = LogSetup.Create(Consoles.Plain(output));

        logger.Information("{Text:l}", new string('x', 500));

        Assert.Equal(1, output.ToString().Count(c => c == '\n'));
    }

    [Fact]
    public void Control_characters_of_a_name_do_not_reach_the_terminal()
    {
        using var output = new StringWriter();
        using var logger = LogSetup.Create(Consoles.Plain(output));

        logger.Information("{Text:l}", "a\u001b[2Jb\u009bc");

        Assert.EndsWith("INF a\uFFFD[2Jb\uFFFDc\n", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_break_in_a_name_does_not_forge_an_event()
    {
        using var output = new StringWriter();
        using var logger = LogSetup.Create(Consoles.Plain(output));

        logger.Information("{Text:l}", "a\r\n12:00:00 INF forged\n  | indented\u202Ereversed");

        Assert.EndsWith("INF a\n  12:00:00 INF forged\n  | indented\uFFFDreversed\n", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Long_messages_are_truncated()
    {
        using var output = new StringWriter();
        using var logger = LogSetup.Create(Consoles.Plain(output));

        logger.Information("{Text:l}", new string('x', 1_000_000));

        Assert.InRange(output.ToString().Length, 1000, 20_000);
        Assert.EndsWith("…\n", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Lines_below_the_level_are_dropped()
    {
        using var output = new StringWriter();
        using var logger = LogSetup.Create(Consoles.Plain(output), level: LogEventLevel.Warning);

        logger.Information("quiet");

        Assert.Empty(output.ToString());
    }
}
