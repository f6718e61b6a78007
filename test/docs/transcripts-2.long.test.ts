import { playPages } from './pages.ts';

playPages(1);
