using System.Buffers.Binary;
using System.Text;

namespace ClipTrain.Cli.Tests.Telemetry;

/// <summary>Event decoded by an independent parser.</summary>
internal sealed record ParsedEvent(double WallTime, long Step, string? FileVersion, long? SessionStatus, Dictionary<string, float> Scalars);

/// <summary>Parser of event files that shares no code with the writer: bitwise CRC, and protobuf's wire format by hand.</summary>
internal static class EventFileParser
{
    public static List<ParsedEvent> Parse(byte[] file)
    {
        var events = new List<ParsedEvent>();
        var at = 0;
        while (at < file.Length)
        {
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at));
            Assert.Equal(MaskedCrc(file.AsSpan(at, 8)), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 8)));
            var data = file.AsSpan(at + 12, length);
            Assert.Equal(MaskedCrc(data), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 12 + length)));
            events.Add(ParseEvent(data));
            at += 16 + length;
        }

        return events;
    }

    /// <summary>CRC-32C by definition: the reflected polynomial 0x82F63B78, bit by bit.</summary>
    public static uint Crc(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var b in data)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
            }
        }

        return ~crc;
    }

    private static uint MaskedCrc(ReadOnlySpan<byte> data)
    {
        var crc = Crc(data);
        return unchecked(((crc >> 15) | (crc << 17)) + 0xA282EAD8u);
    }

    private static ParsedEvent ParseEvent(ReadOnlySpan<byte> data)
    {
        var fields = Fields(data);
        var scalars = new Dictionary<string, float>(StringComparer.Ordinal);
        foreach (var (_, summary) in fields.Where(field => field.Number == 5))
        {
            foreach (var (number, value) in Fields(summary))
            {
                Assert.Equal(1, number);
                var item = Fields(value);
                scalars.Add(
                    Encoding.UTF8.GetString(item.Single(f => f.Number == 1).Bytes),
                    BinaryPrimitives.ReadSingleLittleEndian(item.Single(f => f.Number == 2).Bytes)
                );
            }
        }

        return new ParsedEvent(
            BinaryPrimitives.ReadDoubleLittleEndian(fields.Single(field => field.Number == 1).Bytes),
            BinaryPrimitives.ReadInt64LittleEndian(fields.Single(field => field.Number == 2).Bytes),
            fields.Where(field => field.Number == 3).Select(field => Encoding.UTF8.GetString(field.Bytes)).SingleOrDefault(),
            fields
                .Where(field => field.Number == 7)
                .Select(field => (long?)BinaryPrimitives.ReadInt64LittleEndian(Fields(field.Bytes).Single().Bytes))
                .SingleOrDefault(),
            scalars
        );
    }

    /// <summary>Returns the fields of a message, varints as eight little-endian bytes.</summary>
    private static List<(int Number, byte[] Bytes)> Fields(ReadOnlySpan<byte> data)
    {
        var fields = new List<(int, byte[])>();
        while (!data.IsEmpty)
        {
            var tag = Varint(ref data);
            byte[] bytes;
            switch (tag & 7)
            {
                case 0:
                    bytes = BitConverter.GetBytes(Varint(ref data));
                    break;
                case 1:
                    bytes = Take(ref data, 8);
                    break;
                case 2:
                    bytes = Take(ref data, (int)Varint(ref data));
                    break;
                case 5:
                    bytes = Take(ref data, 4);
                    break;
                default:
                    throw new InvalidDataException($"wire type {tag & 7}");
            }

            fields.Add(((int)(tag >> 3), bytes));
        }

        return fields;
    }

    private static ulong Varint(ref ReadOnlySpan<byte> data)
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var b = data[0];
            data = data[1..];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
            {
                return value;
            }
        }
    }

    private static byte[] Take(ref ReadOnlySpan<byte> data, int count)
    {
        var taken = data[..count].ToArray();
        data = data[count..];
        return taken;
    }
}
