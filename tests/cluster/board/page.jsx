// The board `cluster/grafana/tuner.json` by Grafana's own components; see draw.py.

import React from 'react';
import { createRoot } from 'react-dom/client';
import { createTheme, dateTime, FieldType, getDisplayProcessor, ThemeContext } from '@grafana/data';
import {
  BigValue, BigValueColorMode, BigValueGraphMode, BigValueTextMode, GlobalStyles, PanelChrome, TimeSeries,
} from '@grafana/ui';
import 'uplot/dist/uPlot.min.css';
import board from './board.json';
import data from './data.json';

const COLUMN = 1480 / 24;
const ROW = 38;
const GAP = 8;
const theme = createTheme({ colors: { mode: 'dark' } });
const ends = { from: dateTime(data.from), to: dateTime(data.to) };
const range = { ...ends, raw: ends };

function legend(format, labels) {
  return format.replace(/{{(\w+)}}/g, (_, name) => labels[name] ?? '');
}

// What Prometheus answers to a panel's queries, as Grafana hands it to the panel.
function framesOf(panel) {
  const defaults = panel.fieldConfig.defaults;
  const frames = panel.targets.flatMap((target) => {
    const [name] = target.expr.match(/ray_tuner_\w+/);
    return (data.series[name] ?? []).map(({ labels, points }) => ({
      refId: target.refId,
      length: points.length,
      fields: [
        { name: 'Time', type: FieldType.time, config: {}, values: points.map((point) => point[0]) },
        {
          name: 'Value', type: FieldType.number, labels, values: points.map((point) => point[1]),
          config: {
            ...defaults,
            displayName: legend(target.legendFormat, labels),
            color: { mode: 'palette-classic' },
            custom: { drawStyle: 'line', lineWidth: 1, fillOpacity: 0, axisPlacement: 'auto', ...defaults.custom },
          },
        },
      ],
    }));
  });
  frames.forEach((frame, seriesIndex) => frame.fields.forEach((field) => {
    field.state = field.type === FieldType.number ? { seriesIndex } : {};
    field.display = getDisplayProcessor({ field, theme });
  }));
  return frames;
}

function numbers(frames, width, height) {
  return frames.map((frame) => {
    const field = frame.fields[1];
    const value = { ...field.display(field.values.at(-1)), title: field.config.displayName };
    return (
      <BigValue
        key={value.title} value={value} theme={theme} count={frames.length} width={width / frames.length}
        height={height} colorMode={BigValueColorMode.Value} graphMode={BigValueGraphMode.None}
        textMode={BigValueTextMode.Auto}
      />
    );
  });
}

function Panel({ panel }) {
  const { x, y, w, h } = panel.gridPos;
  const frames = framesOf(panel);
  const place = { position: 'absolute', left: x * COLUMN + GAP, top: y * ROW + 60 };
  return (
    <div style={place}>
      <PanelChrome title={panel.title} width={w * COLUMN - GAP} height={h * ROW - GAP}>
        {(width, height) => panel.type === 'stat' ? (
          <div style={{ display: 'flex' }}>{numbers(frames, width, height)}</div>
        ) : (
          <TimeSeries
            frames={frames} width={width} height={height} timeRange={range} timeZone="utc"
            legend={{ displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] }}
          />
        )}
      </PanelChrome>
    </div>
  );
}

document.body.style.background = theme.colors.background.canvas;
createRoot(document.getElementById('root')).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <h3 style={{ margin: 16 }}>{board.title}</h3>
    {board.panels.map((panel) => <Panel key={panel.id} panel={panel} />)}
  </ThemeContext.Provider>,
);
